# Every target that people and CI use. `make` alone lists them.
SHELL       := /bin/bash -o pipefail
.DEFAULT_GOAL := help

GO          ?= go
BUILD       := build
DIST        := $(BUILD)/functions
CDK         := npx --yes aws-cdk@2.1148.1
LINT        := $(GO) tool -modfile=internal/tools/go.mod golangci-lint
UNSUBSCRIBE := $(BUILD)/unsubscribe
comma       := ,
# Quiet about the version of Node, and no telemetry.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20
export CDK_DISABLE_CLI_TELEMETRY := true

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: replay
replay: $(UNSUBSCRIBE) ## replay all stories against the embedded AWS; EVENT=name for one, with its timeline; APPROVE=ask to decide on the terminal, APPROVE=web in the browser; BINARIES=1 to run the binaries that ship
	$(UNSUBSCRIBE) replay $(if $(APPROVE),--approve $(APPROVE)) $(if $(BINARIES),--binaries) $(if $(EVENT),--html $(BUILD)/replay) $(EVENT)

.PHONY: demo
demo: $(UNSUBSCRIBE) ## pick a story in the browser, watch it and decide on it, without an account; EVENT=name to begin with one
	$(UNSUBSCRIBE) demo $(EVENT)

.PHONY: serve
serve: $(UNSUBSCRIBE) ## serve a story's AWS on loopback, for the AWS CLI and for build/unsubscribe; EVENT=name for another story
	$(UNSUBSCRIBE) replay --serve $(or $(EVENT),early-adopter)

.PHONY: pages
pages: $(UNSUBSCRIBE) ## draw every story as an HTML page, and an index of them, in build/replay
	$(UNSUBSCRIBE) replay --html $(BUILD)/replay

.PHONY: approval-pages
approval-pages: $(UNSUBSCRIBE) ## write the approval page in every state that it has to build/approval-pages
	$(UNSUBSCRIBE) approval-pages $(BUILD)/approval-pages

.PHONY: pictures
pictures: ## make the README's pictures anew, with Chromium
	PICTURES=$(CURDIR)/.github $(GO) test ./internal/replay -run '^TestPictures$$' -count=1

.PHONY: $(UNSUBSCRIBE)
$(UNSUBSCRIBE):
	@mkdir -p $(BUILD)
	$(GO) build -o $@ ./internal/cmd/unsubscribe

.PHONY: test
test: need-node browser moto ## every test, the CDK app's included
	$(GO) test -timeout 20m -skip '^TestRandomWorlds$$' ./...
	$(GO) test ./internal/step -run '^TestRandomWorlds$$' -v | grep -v '^='

.PHONY: check
check: need-node lint replay test race sizes synth ## what CI runs: lint, every test, the race detector, binaries, templates

.PHONY: race
race: ## the tests with the race detector, without those that only repeat others under other answers
	$(GO) test -race -short -timeout 20m ./functions/... ./internal/...

.PHONY: lint
lint: ## gofmt, go vet and golangci-lint
	@test -z "$$(gofmt -l functions infra internal)" || { gofmt -l functions infra internal; echo "run gofmt"; exit 1; }
	$(GO) vet ./...
	$(LINT) run ./...

# Functions wait for AWS, so they gain nothing by inlining, and are a sixth smaller without.
.PHONY: build
build: ## the arm64 bootstrap of every function
	@rm -rf $(DIST) $(BUILD)/bin && mkdir -p $(BUILD)/bin
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) build -tags lambda.norpc -trimpath -buildvcs=false -gcflags=all=-l -ldflags "-s -w" -o $(BUILD)/bin/ ./functions/...
	@for binary in $(BUILD)/bin/*; do mkdir -p $(DIST)/$$(basename $$binary) && mv $$binary $(DIST)/$$(basename $$binary)/bootstrap; done
	@rmdir $(BUILD)/bin

.PHONY: sizes
sizes: build ## hold that each function's zip is at most 4 MB
	FUNCTIONS=$(CURDIR)/$(DIST) $(GO) test ./internal/rule -run '^TestSizes$$' -count=1 -v

.PHONY: asl
asl: need-node ## regenerate the committed state machine from the CDK app
	$(GO) test ./infra -run 'Current$$' -count=1 -update

# Left out of cfn-lint: W3005, a DependsOn that the CDK writes out though a reference implies it; W3037, its list of IAM actions, which lacks
# the newest of QuickSight's (ListApps, ListKnowledgeBases, ListSpaces; the SDK has them).
.PHONY: synth
synth: need-node build ## write the CloudFormation templates to build/cdk.out, and check them with cfn-lint where it is installed
	@rm -rf $(BUILD)/cdk.out
	$(GO) run ./infra -out $(BUILD)/cdk.out -functions $(DIST)
	$(GO) run ./infra -target-template $(BUILD)/quicksight-unsubscribe-target.json
	$(GO) run ./infra -organization-template $(BUILD)/quicksight-unsubscribe-organization.json
	$(GO) run ./infra -watch-template $(BUILD)/quicksight-unsubscribe-watch.json
	@if command -v cfn-lint >/dev/null; then cfn-lint -i W3005 W3037 -t $(BUILD)/cdk.out/*.template.json $(BUILD)/quicksight-unsubscribe-*.json && echo "cfn-lint: clean"; else echo "cfn-lint is not installed: templates not linted"; fi

.PHONY: deploy diff destroy
deploy: need-node build ## deploy the stacks with the credentials of the shell; CONTEXT="-c name=value ..."
	$(CDK) deploy --app "$(GO) run ./infra -functions $(DIST)" $(CONTEXT) --all
diff: need-node build ## what a deploy would change
	$(CDK) diff --app "$(GO) run ./infra -functions $(DIST)" $(CONTEXT)
destroy: need-node build ## remove the stacks, and say what stays
	@echo "Stays, and costs: the bucket of the record and the one of its access log, and their key, without which nobody can read the record."
	@echo "Stays elsewhere: the target roles and watch stacks that a StackSet or a pipeline has deployed, the organization stack of the management"
	@echo "account, and the CDK bootstrap stack's copies of the functions."
	@echo "Goes: the machines with the histories of their executions, the functions with all their versions, their logs, the topics with their"
	@echo "subscriptions, what is in the queues of dead letters, the alarms, and the kill switch."
	@echo "Running closings are stopped: unsubscribe list --open names them. Termination protection of the stacks must be off."
	$(CDK) destroy --app "$(GO) run ./infra -functions $(DIST)" $(CONTEXT) --all

.PHONY: golden
golden: asl ## refresh every golden file; review the difference
	$(GO) test ./internal/... -run 'Golden' -count=1 -update

.PHONY: bench
bench: ## the benchmarks, on one core, then fleets of ACCOUNTS (default 1000,10000); PEER=DIR (npm install --prefix DIR aws-local-stepfunctions@3.0.0) adds that engine
	@mkdir -p $(BUILD)
	ASL_PEER=$(abspath $(PEER)) $(GO) test ./internal/... -run '^$$' -bench . -benchmem -cpu 1 | tee $(BUILD)/bench.txt
	@awk '/^BenchmarkTenStates/ {for (i = 2; i <= NF; i++) if ($$i == "exec/s") rate[$$1] = $$(i-1)} \
	  function line(what, name) {if (name in rate) printf "%-28s %10.0f executions/s%s\n", what, rate[name], rate[peer] ? sprintf("  %6.1f x the peer", rate[name] / rate[peer]) : ""} \
	  END {peer = "BenchmarkTenStatesPeer"; print "\nten states, one core"; line("JSONPath", "BenchmarkTenStates"); line("JSONata", "BenchmarkTenStatesJSONata"); line("aws-local-stepfunctions", peer)}' $(BUILD)/bench.txt
	GOGC=400 GOMEMLIMIT=1750MiB ACCOUNTS=$(or $(ACCOUNTS),1000$(comma)10000) $(GO) test ./internal/replay -run '^$$' -bench '^BenchmarkFleet$$' -benchtime 1x -timeout 0 | tee -a $(BUILD)/bench.txt

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (default 30s), and WORLDS (default 100000) random worlds
	$(GO) test ./internal/step -run '^TestRandomWorlds$$' -worlds $${WORLDS:-100000} -timeout 0 -count=1 -v | grep -v '^='
	@for package in $$($(GO) list ./internal/...); do \
	  for target in $$($(GO) test $$package -list '^Fuzz' | grep '^Fuzz'); do \
	    $(GO) test $$package -run '^$$' -fuzz "^$$target$$" -fuzztime $${FUZZTIME:-30s} || exit 1; \
	  done; done

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD) cdk.out

.PHONY: browser
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  echo "chromium is not installed, and cannot be installed here: the tests that need a browser will be skipped"

# moto gives a second opinion on the embedded AWS.
.PHONY: moto
moto:
	@has='import moto.server, boto3'; python3 -c "$$has" 2>/dev/null || $(BUILD)/moto/bin/python -c "$$has" 2>/dev/null || \
	  { python3 -m venv $(BUILD)/moto && $(BUILD)/moto/bin/pip install -q 'moto[ds,ec2,s3,server]==5.2.1'; } >/dev/null 2>&1 || \
	  { rm -rf $(BUILD)/moto; echo "moto is not installed, and cannot be installed here: nobody gives a second opinion on the embedded AWS"; }

.PHONY: need-node
need-node:
	@command -v node >/dev/null || { echo "Node.js is missing: the CDK app and its tests need it (20 or newer)."; \
	  echo "Install it with your system's package manager (Debian: apt-get install nodejs npm) or from nodejs.org, then run make again."; \
	  echo "Without Node you can still run: make replay, and go test ./functions/... ./internal/..."; exit 1; }
