package step

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const opUpdateSettings = "quicksight:UpdateAccountSettings"

// protect switches termination protection of the plan's account on or off. Default namespace and e-mail are sent as they were
// described, because what UpdateAccountSettings does to a member that is absent is not documented.
func (p *pass) protect(ctx context.Context, on bool, settings types.AccountSettings) error {
	region := p.plan.IdentityRegion
	hands, err := p.sessions(grant{p.plan.AccountID, Policy{{Actions: []string{opUpdateSettings}, Regions: []string{region}}}})
	if err != nil {
		return err
	}
	return p.act(ctx, change{
		operation: opUpdateSettings, region: region, resource: p.plan.AccountID,
		call: func(ctx context.Context) error {
			cfg, err := hands.of(ctx, p.plan.AccountID)
			if err != nil {
				return err
			}
			_, err = quickSightIn(cfg, region).UpdateAccountSettings(ctx, &quicksight.UpdateAccountSettingsInput{
				AwsAccountId: &p.plan.AccountID, DefaultNamespace: settings.DefaultNamespace, NotificationEmail: settings.NotificationEmail,
				TerminationProtectionEnabled: on,
			}, explicitly("TerminationProtectionEnabled", on))
			return err
		},
	})
}

// explicitly sends a boolean member whatever it is: the SDK leaves a false one out, and what QuickSight makes of its absence is
// not documented.
func explicitly(member string, value bool) func(*quicksight.Options) {
	send := middleware.SerializeMiddlewareFunc("Explicitly"+member,
		func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
			request, ok := in.Request.(*smithyhttp.Request)
			if !ok {
				return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("send %s: the request is a %T", member, in.Request)
			}
			body, err := io.ReadAll(request.GetStream())
			if err != nil {
				return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("send %s: %w", member, err)
			}
			members := map[string]any{}
			if err := json.Unmarshal(body, &members); err != nil {
				return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("send %s: %w", member, err)
			}
			members[member] = value
			if body, err = json.Marshal(members); err != nil {
				return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("send %s: %w", member, err)
			}
			if in.Request, err = request.SetStream(bytes.NewReader(body)); err != nil {
				return middleware.SerializeOutput{}, middleware.Metadata{}, fmt.Errorf("send %s: %w", member, err)
			}
			return next.HandleSerialize(ctx, in)
		})
	return func(o *quicksight.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Serialize.Insert(send, "OperationSerializer", middleware.After)
		})
	}
}

// settingsIn reads the account's settings in its identity region.
func settingsIn(ctx context.Context, target aws.Config, account, region string) (types.AccountSettings, error) {
	out, err := quickSightIn(target, region).DescribeAccountSettings(ctx, &quicksight.DescribeAccountSettingsInput{AwsAccountId: &account})
	if err != nil {
		return types.AccountSettings{}, stopped(err, "quicksight:DescribeAccountSettings", region)
	}
	if out.AccountSettings == nil {
		return types.AccountSettings{}, unknownStatus(account, region, "no settings at all")
	}
	return *out.AccountSettings, nil
}
