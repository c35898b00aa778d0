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

// makeFunctions makes a version's functions as their mains do, on the replay's host. internal/rule holds that each main starts the same step.
func (p *player) makeFunctions(v *version) map[string]boot.Function {
	functions := map[string]boot.Function{
		"verify-caller":       boot.Handler(step.VerifyCaller, p.host("verify-caller", v)),
		"take-inventory":      boot.Handler(step.TakeInventory, p.host("take-inventory", v)),
		"find-starter":        boot.Handler(step.FindStarter, p.host("find-starter", v)),
		"request-approval":    boot.Handler(step.RequestApproval, p.host("request-approval", v)),
		"decide-approval":     boot.Handler(approval.Function, p.host("decide-approval", v)),
		"export-assets":       boot.Handler(step.ExportAssets, p.host("export-assets", v)),
		"commit-plan":         boot.Handler(step.CommitPlan, p.host("commit-plan", v)),
		"delete-subscription": boot.Handler(step.DeleteSubscription, p.host("delete-subscription", v)),
		"delete-directory":    boot.Handler(step.DeleteDirectory, p.host("delete-directory", v)),
		"delete-vpc":          boot.Handler(step.DeleteVPC, p.host("delete-vpc", v)),
		"write-report":        boot.Handler(step.WriteReport, p.host("write-report", v)),
		"plan-fleet":          boot.Handler(step.PlanFleet, p.host("plan-fleet", v)),
		"commit-fleet":        boot.Handler(step.CommitFleet, p.host("commit-fleet", v)),
		"report-fleet":        boot.Handler(step.ReportFleet, p.host("report-fleet", v)),
		"finish-run":          boot.Handler(step.FinishRun, p.host("finish-run", v)),
		"audit-event":         boot.Handler(step.AuditEvent, p.host("audit-event", v)),
	}
	if p.processes != nil {
		for folder := range functions {
			functions[folder] = p.processes.function(folder, v)
		}
	}
	return functions
}

func (p *player) host(folder string, v *version) boot.Host {
	environment := p.run.hub.environment(v.config)
	return boot.Host{
		Lookup: func(name string) (string, bool) { value, set := environment[name]; return value, set },
		AWS:    p.config(accessKey(folder)),
		Logs:   p.options.Logs, SkipGuard: p.options.WithoutGuard,
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
