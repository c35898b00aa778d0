package emulator

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

var ssmOperations = map[string]op{
	"GetParameter": {run: getParameter, required: []string{"Name"}, resource: parameterResource},
}

func parameterResource(r *request) []string {
	return []string{"arn:aws:ssm:" + r.region + ":" + r.account + ":parameter/" + strings.TrimPrefix(r.str("Name"), "/")}
}

func getParameter(r *request) (any, error) {
	name := r.str("Name")
	value, ok := r.acct().Parameters[name]
	if !ok {
		return nil, apiError("ParameterNotFound", "Parameter %s not found.", name)
	}
	arn := parameterResource(r)[0]
	return &ssm.GetParameterOutput{Parameter: &types.Parameter{
		ARN: &arn, Name: &name, Value: &value, Type: types.ParameterTypeString, Version: 1, LastModifiedDate: &r.aws.world.Now,
	}}, nil
}
