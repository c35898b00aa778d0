package replay

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
)

// makeFunctions makes every function as its main does, on the replay's host. internal/rule holds that each main starts the same step.
func (p *player) makeFunctions() map[string]boot.Function {
	functions := map[string]boot.Function{
		"verify-caller":       boot.Handler(step.VerifyCaller, p.host("verify-caller")),
		"take-inventory":      boot.Handler(step.TakeInventory, p.host("take-inventory")),
		"find-starter":        boot.Handler(step.FindStarter, p.host("find-starter")),
		"request-approval":    boot.Handler(step.RequestApproval, p.host("request-approval")),
		"decide-approval":     boot.Handler(approval.Function, p.host("decide-approval")),
		"export-assets":       boot.Handler(step.ExportAssets, p.host("export-assets")),
		"commit-plan":         boot.Handler(step.CommitPlan, p.host("commit-plan")),
		"delete-subscription": boot.Handler(step.DeleteSubscription, p.host("delete-subscription")),
		"delete-directory":    boot.Handler(step.DeleteDirectory, p.host("delete-directory")),
		"delete-vpc":          boot.Handler(step.DeleteVPC, p.host("delete-vpc")),
		"write-report":        boot.Handler(step.WriteReport, p.host("write-report")),
		"plan-fleet":          boot.Handler(step.PlanFleet, p.host("plan-fleet")),
		"commit-fleet":        boot.Handler(step.CommitFleet, p.host("commit-fleet")),
		"report-fleet":        boot.Handler(step.ReportFleet, p.host("report-fleet")),
		"finish-run":          boot.Handler(step.FinishRun, p.host("finish-run")),
	}
	if p.processes != nil {
		for folder := range functions {
			functions[folder] = p.processes.function(folder)
		}
	}
	return functions
}

func (p *player) host(folder string) boot.Host {
	environment := p.run.hub.environment(p.story.Config)
	return boot.Host{
		Lookup: func(name string) (string, bool) { value, set := environment[name]; return value, set },
		AWS:    p.config(accessKey(folder)),
		Logs:   p.logs(), SkipGuard: p.options.WithoutGuard,
	}
}

// config is the SDK configuration of somebody with this access key, through the emulator.
func (p *player) config(key string) aws.Config {
	return aws.Config{
		Region:      p.run.hub.region,
		Credentials: credentials.NewStaticCredentialsProvider(key, emulator.DefaultSecret, ""),
		HTTPClient:  &http.Client{Transport: transport{p}},
		Retryer:     boot.VirtualRetryer,
	}
}

// logs is where the functions' logs go.
func (p *player) logs() io.Writer {
	if p.options.Logs == nil {
		return io.Discard
	}
	return p.options.Logs
}
