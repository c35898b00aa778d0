package boot

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"

	"quicksight-unsubscribe/internal/step"
)

// Start runs a step as a Lambda function. It does not return.
func Start[I, O any](build func(step.Env) func(context.Context, I) (O, error)) {
	// The credentials that Lambda puts into the environment hold as long as the process does.
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRetryer(Retryer))
	if err != nil {
		panic("boot: the AWS configuration: " + err.Error())
	}
	lambda.Start(Handler(build, Host{Lookup: os.LookupEnv, AWS: cfg, Logs: os.Stderr}))
}
