// Command empty is a Lambda function that does nothing: what the start of the real ones is measured against.
package main

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context) error { return errors.New("nothing to do") })
}
