package boot

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"quicksight-unsubscribe/internal/step"
)

// Start runs a step as a Lambda function. It does not return.
func Start[I, O any](build func(step.Env) func(context.Context, I) (O, error)) {
	host := Host{Lookup: os.LookupEnv, AWS: lambdaConfig(), Logs: os.Stderr}
	replay, err := replayOf(os.LookupEnv)
	switch {
	case err != nil:
		panic(err)
	case replay != nil:
		lambda.Start(replay.function(Handler(build, replay.host(host))))
	default:
		lambda.Start(Handler(build, host))
	}
}

// lambdaConfig is what the SDK's config.LoadDefaultConfig would find in Lambda, where everything is in the environment and nothing
// changes as long as the process lives. That function brings along every other source of credentials, with their clients: a
// seventh of the binary.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
func lambdaConfig() aws.Config {
	cfg := aws.Config{
		Region: os.Getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
		HTTPClient: awshttp.NewBuildableClient(),
		Retryer:    Retryer,
	}
	if endpoint := os.Getenv("AWS_ENDPOINT_URL"); endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return cfg
}
