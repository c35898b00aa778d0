package boot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/step"
)

// sessionSeconds is how long a target session lasts: STS's minimum, and longer than any function runs.
const sessionSeconds = 900

// AWS hands out the SDK configurations of one function. It is the one place where a function's clients begin.
type AWS struct {
	hub       aws.Config
	partition string
}

var _ step.AWS = (*AWS)(nil)

// NewAWS hands out configurations that derive from hub's, the function's own. machine is the state machine's ARN, which tells
// the partition.
func NewAWS(hub aws.Config, machine string) (*AWS, error) {
	parsed, err := arn.Parse(machine)
	if err != nil {
		return nil, fmt.Errorf("the state machine's ARN %q: %w", machine, err)
	}
	return &AWS{hub: hub, partition: parsed.Partition}, nil
}

// Hub is the account in which the workflow runs.
func (a *AWS) Hub() aws.Config { return a.hub.Copy() }

// Target assumes a role in the account that is to be closed, for this invocation and narrowed to the access's policy.
func (a *AWS) Target(ctx context.Context, access step.Access) (aws.Config, error) {
	execution := step.ExecutionOf(ctx)
	if execution == "" {
		return aws.Config{}, errors.New("no target session without an execution to name it after")
	}
	role := fmt.Sprintf("arn:%s:iam::%s:role/%s", a.partition, access.Account, access.Role)
	in := &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String(sessionName(access.Account, execution)), DurationSeconds: aws.Int32(sessionSeconds),
	}
	if policy := access.Policy.JSON(); policy != "" {
		if len(policy) > step.MaxPolicy {
			return aws.Config{}, fmt.Errorf("the session policy for %s has %d characters, more than the %d that STS takes; split the session", role, len(policy), step.MaxPolicy)
		}
		in.Policy = &policy
	}
	out, err := sts.NewFromConfig(a.hub).AssumeRole(ctx, in)
	if err != nil {
		return aws.Config{}, unreachable(role, access.Account, err)
	}
	target := a.hub.Copy()
	target.Credentials = credentials.NewStaticCredentialsProvider(
		aws.ToString(out.Credentials.AccessKeyId), aws.ToString(out.Credentials.SecretAccessKey), aws.ToString(out.Credentials.SessionToken))
	return target, nil
}

// sessionName is what CloudTrail shows beside each call in the target: the account, and the execution by its hash, since an
// execution's ARN is longer than the 64 characters of a session's name.
func sessionName(account, execution string) string {
	sum := sha256.Sum256([]byte(execution))
	return account + "-" + hex.EncodeToString(sum[:])[:12]
}

// unreachable says which of the things that stand between us and a role refused. STS itself tells a missing role from a trust
// policy that does not admit us no more than it must: both read the same.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func unreachable(role, account string, err error) error {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || classify(err) == closing.Transient {
		return fmt.Errorf("assume %s: %w", role, err)
	}
	e := func(format string, args ...any) *closing.Error {
		return closing.Errorf(closing.TargetUnreachable, "account %s cannot be reached; nothing in it was touched: %w",
			account, fmt.Errorf(format+": %w", append(args, err)...))
	}
	message := refusal.ErrorMessage()
	switch {
	case refusal.ErrorCode() != "AccessDenied":
		return e("assuming %s failed with %s", role, refusal.ErrorCode()).
			WithHint("look at what STS says above, then start again")
	case strings.Contains(message, "service control policy"), strings.Contains(message, "resource control policy"):
		return e("a policy of the organization denies assuming %s", role).
			WithHint("add %s to the statement of the service or resource control policy that denies it, then start again", step.ExceptFunctions)
	case strings.Contains(message, "explicit deny"):
		return e("a policy explicitly denies assuming %s", role).
			WithHint("find the Deny statement in the policy that STS names and take this workflow out of it, then start again")
	case strings.Contains(message, "no identity-based policy"), strings.Contains(message, "permissions boundary"), strings.Contains(message, "session policy"):
		return e("the workflow's own function may not assume %s", role).
			WithHint("deploy the hub stack again, which grants it, and look at its permissions boundary; then start again")
	default:
		return e("the role %s does not exist, or its trust policy does not admit this workflow", role).
			WithHint("deploy the target roles into account %s with this hub account, then start again", account)
	}
}
