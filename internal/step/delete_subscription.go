package step

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

const (
	opUnsubscribe      = "quicksight:DeleteAccountSubscription"
	opDeleteNamespace  = "quicksight:DeleteNamespace"
	opDeleteConnection = "quicksight:DeleteVPCConnection"
)

const (
	// lag is how long a read may still show what was before a write. After it, what a read shows is believed.
	lag = 2 * time.Minute
	// protectionLag is how long termination protection may read as on after it was switched off.
	protectionLag = 10 * time.Minute
)

// DeleteSubscription unsubscribes the account: termination protection off and read back, VPC connections and secondary
// namespaces deleted, then DeleteAccountSubscription. It is done when AWS says UNSUBSCRIBED, or no longer knows the account.
func DeleteSubscription(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		p, err := env.begin(ctx, in, "delete-subscription")
		if err != nil {
			return Result{}, err
		}
		if p.plan.Subscription == nil {
			return p.done()
		}
		u := &unsubscribing{pass: p}
		if u.target, err = p.looking(ctx); err != nil {
			return Result{}, err
		}
		if err := u.look(ctx); err != nil {
			return Result{}, err
		}
		return u.advance(ctx)
	}
}

// unsubscribing is one pass of the step, with what it sees of the account.
type unsubscribing struct {
	*pass
	target     aws.Config
	now        condition
	settings   *types.AccountSettings                       // nil: not read, since the subscription is leaving or gone
	present    map[string]types.VPCConnectionResourceStatus // planned VPC connections, by ARN
	namespaces map[string]types.NamespaceInfoV2             // secondary namespaces, planned or not, by name
	retaken    *closing.Material                            // the account taken again, where the commit alone is not enough
	refusal    string                                       // why QuickSight would not unsubscribe the account in this pass
}

// look reads the subscription's status and, while it lives, everything that must go before it; then it settles what earlier
// passes left open.
func (u *unsubscribing) look(ctx context.Context) error {
	var err error
	if u.now, err = subscriptionIn(ctx, u.target, u.plan.AccountID, u.plan.IdentityRegion); err != nil {
		return stopped(err, "quicksight:DescribeAccountSubscription", u.plan.IdentityRegion)
	}
	if u.now.life == lifeActive || u.now.life == lifeFailed {
		settings, err := settingsIn(ctx, u.target, u.plan.AccountID, u.plan.IdentityRegion)
		if err != nil {
			return err
		}
		u.settings = &settings
		if err := u.lookAtConnections(ctx); err != nil {
			return err
		}
		if err := u.lookAtNamespaces(ctx); err != nil {
			return err
		}
	}
	return u.settle(ctx, func(a closing.Act) string { return u.trace(a, clock.Now(ctx)) })
}

// lookAtConnections lists the VPC connections of the regions in which the plan names some.
func (u *unsubscribing) lookAtConnections(ctx context.Context) error {
	var regions []string
	planned := map[string]bool{}
	for _, c := range u.plan.VPCConnections {
		planned[c.ARN] = true
		regions = append(regions, c.Region)
	}
	u.present = map[string]types.VPCConnectionResourceStatus{}
	for _, region := range distinct(regions) {
		pages := quicksight.NewListVPCConnectionsPaginator(quickSightIn(u.target, region),
			&quicksight.ListVPCConnectionsInput{AwsAccountId: &u.plan.AccountID, MaxResults: &mostPerPage})
		err := readPages(ctx, pages, func(p *quicksight.ListVPCConnectionsOutput) {
			for _, c := range p.VPCConnectionSummaries {
				if arn := aws.ToString(c.Arn); planned[arn] && c.Status != types.VPCConnectionResourceStatusDeleted {
					u.present[arn] = c.Status
				}
			}
		})
		if err != nil {
			return stopped(err, "quicksight:ListVPCConnections", region)
		}
	}
	return nil
}

// lookAtNamespaces lists the secondary namespaces, where the plan names some.
func (u *unsubscribing) lookAtNamespaces(ctx context.Context) error {
	u.namespaces = map[string]types.NamespaceInfoV2{}
	if len(u.plan.SecondaryNamespaces()) == 0 {
		return nil
	}
	pages := quicksight.NewListNamespacesPaginator(quickSightIn(u.target, u.plan.IdentityRegion),
		&quicksight.ListNamespacesInput{AwsAccountId: &u.plan.AccountID, MaxResults: &mostPerPage})
	err := readPages(ctx, pages, func(p *quicksight.ListNamespacesOutput) {
		for _, n := range p.Namespaces {
			if name := aws.ToString(n.Name); name != aws.ToString(u.settings.DefaultNamespace) {
				u.namespaces[name] = n
			}
		}
	})
	if err != nil {
		return stopped(err, "quicksight:ListNamespaces", u.plan.IdentityRegion)
	}
	return nil
}

// trace is what this pass sees of an act that was intended and never answered.
func (u *unsubscribing) trace(a closing.Act, now time.Time) string {
	leaving := u.now.life == lifeLeaving || u.now.life == lifeGone
	if !leaving && u.settings == nil {
		return "" // nothing was looked at
	}
	seen := false
	switch a.Operation {
	case opUnsubscribe:
		seen = leaving
	case opUpdateSettings:
		seen = leaving || !u.settings.TerminationProtectionEnabled
	case opDeleteConnection:
		status, there := u.present[a.Resource]
		seen = leaving || !there || status == types.VPCConnectionResourceStatusDeletionInProgress || status == types.VPCConnectionResourceStatusDeletionFailed
	case opDeleteNamespace:
		n, there := u.namespaces[a.Resource]
		seen = leaving || !there || n.CreationStatus == types.NamespaceStatusDeleting
	}
	switch {
	case seen:
		return outcomeDone
	case now.Sub(a.Intended) < lag:
		return ""
	default:
		return outcomeNoTrace
	}
}

// advance decides by the status, each of which it knows by name, what comes next.
func (u *unsubscribing) advance(ctx context.Context) (Result, error) {
	asked := u.asked(opUnsubscribe, u.plan.AccountID)
	switch u.now.life {
	case lifeGone:
		return u.done()
	case lifeLeaving:
		return u.wait(ctx, u.subscriptionLeft())
	case lifeStarting:
		return Result{}, closing.Errorf(closing.Stale, "account %s is being subscribed anew (%s), which nobody approved closing; nothing more was changed", u.plan.AccountID, u.now.status).
			WithHint("start a fresh run when the account is the one to close")
	case lifeFailed:
		if a, _ := u.lastAct(opUnsubscribe, u.plan.AccountID); asked && clock.Now(ctx).Sub(a.Intended) >= lag {
			return Result{}, closing.Errorf(closing.UnsubscribeFailed, "QuickSight could not unsubscribe account %s: its status is %s; the subscription is still there", u.plan.AccountID, u.now.status).
				WithHint("ask AWS Support for the reason, then redrive this execution")
		}
	case lifeActive:
	}
	if asked {
		// QuickSight goes on showing the old status for a while; TF's waiter has it as pending too.
		return u.wait(ctx, u.subscriptionLeft())
	}
	return u.remove(ctx)
}

// remove takes the next safe actions towards a subscription that lives.
func (u *unsubscribing) remove(ctx context.Context) (Result, error) {
	if ready, err := u.retake(ctx); err != nil {
		return Result{}, err
	} else if !ready {
		return u.wait(ctx, "the inventory that is taken again, because the commit is too old by itself")
	}
	if err := check(ctx, u.Env, u, beforeSubscription); err != nil {
		return Result{}, err
	}
	if unprotected, err := u.unprotect(ctx); err != nil {
		return Result{}, err
	} else if !unprotected {
		return u.wait(ctx, "the termination protection of account "+u.plan.AccountID)
	}
	connections, err := u.deleteConnections(ctx)
	if err != nil {
		return Result{}, err
	}
	namespaces, err := u.deleteNamespaces(ctx)
	if err != nil {
		return Result{}, err
	}
	if left := slices.Concat(connections, namespaces); len(left) > 0 {
		return u.wait(ctx, append(left, u.subscriptionLeft())...)
	}
	if err := check(ctx, u.Env, u, beforeUnsubscribe); err != nil {
		return Result{}, err
	}
	if err := u.unsubscribe(ctx); err != nil {
		return Result{}, err
	}
	return u.wait(ctx, u.subscriptionLeft())
}

func (u *unsubscribing) wait(ctx context.Context, remaining ...string) (Result, error) {
	return u.pass.wait(ctx, 30*time.Second, 5*time.Minute, u.Config.SubscriptionBudget, remaining...)
}

func (u *unsubscribing) subscriptionLeft() string {
	why := u.now.status
	if u.refusal != "" {
		why += ", " + u.refusal
	}
	return fmt.Sprintf("the subscription of account %s (%s)", u.plan.AccountID, why)
}

// unprotect switches termination protection off where it is on, and tells whether it reads as off.
func (u *unsubscribing) unprotect(ctx context.Context) (bool, error) {
	if !u.settings.TerminationProtectionEnabled {
		return true, nil
	}
	if u.asked(opUpdateSettings, u.plan.AccountID) {
		a, _ := u.lastAct(opUpdateSettings, u.plan.AccountID)
		if clock.Now(ctx).Sub(a.Intended) < protectionLag {
			return false, nil
		}
		return false, closing.Errorf(closing.ProtectionStuck, "the termination protection of account %s was switched off at %s and still reads as on; the subscription was not touched",
			u.plan.AccountID, a.Intended.Format(time.RFC3339)).
			WithHint("switch it off in the QuickSight console, then redrive this execution")
	}
	if err := u.protect(ctx, false, *u.settings); err != nil {
		return false, stopped(err, opUpdateSettings, u.plan.IdentityRegion)
	}
	settings, err := settingsIn(ctx, u.target, u.plan.AccountID, u.plan.IdentityRegion)
	if err != nil {
		return false, err
	}
	u.settings = &settings
	return !settings.TerminationProtectionEnabled, nil
}

// deleteConnections asks for the deletion of each planned VPC connection once, and returns what is still there.
func (u *unsubscribing) deleteConnections(ctx context.Context) ([]string, error) {
	var left []string
	var grants []grant
	for _, c := range u.plan.VPCConnections {
		grants = append(grants, grant{c.ARN, Policy{{Actions: []string{opDeleteConnection}, Resources: []string{c.ARN}}}})
	}
	hands, err := u.sessions(grants...)
	if err != nil {
		return nil, err
	}
	for _, c := range u.plan.VPCConnections {
		status, there := u.present[c.ARN]
		if !there {
			continue
		}
		left = append(left, fmt.Sprintf("VPC connection %s in %s (%s)", c.ID, c.Region, status))
		asked := u.asked(opDeleteConnection, c.ARN)
		switch {
		case status == types.VPCConnectionResourceStatusDeletionFailed && asked:
			return nil, closing.Errorf(closing.Blocked, "QuickSight could not delete the VPC connection %s in %s; the subscription was not touched", c.ID, c.Region).
				WithHint("give its role %s the permission to delete its network interfaces, then redrive this execution", c.Role)
		case status == types.VPCConnectionResourceStatusDeletionInProgress, asked:
			continue
		}
		err := u.act(ctx, change{opDeleteConnection, c.Region, c.ARN, func(ctx context.Context) error {
			cfg, err := hands.of(ctx, c.ARN)
			if err != nil {
				return err
			}
			_, err = quickSightIn(cfg, c.Region).DeleteVPCConnection(ctx, &quicksight.DeleteVPCConnectionInput{AwsAccountId: &u.plan.AccountID, VPCConnectionId: &c.ID})
			return err
		}})
		if err != nil {
			return nil, stopped(err, opDeleteConnection, c.Region)
		}
	}
	return left, nil
}

// deleteNamespaces asks for the deletion of each planned secondary namespace, and again where QuickSight says that it may be
// tried again. It returns what is still there.
func (u *unsubscribing) deleteNamespaces(ctx context.Context) ([]string, error) {
	var left []string
	var grants []grant
	region := u.plan.IdentityRegion
	for _, n := range u.plan.SecondaryNamespaces() {
		// The identity pool behind a namespace goes with the caller's rights.
		// https://docs.aws.amazon.com/quick/latest/userguide/iam-policy-examples.html
		grants = append(grants, grant{n.Name, Policy{
			{Actions: []string{opDeleteNamespace}, Resources: []string{u.arn("quicksight", "*", "namespace/"+n.Name)}},
			{Actions: []string{"ds:DeleteDirectory", "ds:DescribeDirectories", "ds:UnauthorizeApplication"}},
		}})
	}
	hands, err := u.sessions(grants...)
	if err != nil {
		return nil, err
	}
	for _, planned := range u.plan.SecondaryNamespaces() {
		n, there := u.namespaces[planned.Name]
		if !there {
			continue
		}
		left = append(left, fmt.Sprintf("namespace %s (%s)", planned.Name, n.CreationStatus))
		switch asked := u.asked(opDeleteNamespace, planned.Name); {
		case n.CreationStatus == types.NamespaceStatusNonRetryableFailure && asked:
			return nil, closing.Errorf(closing.Blocked, "QuickSight could not delete the namespace %s (%s); the subscription was not touched", planned.Name, namespaceError(n)).
				WithHint("delete it in the QuickSight console, or ask AWS Support, then redrive this execution")
		case n.CreationStatus == types.NamespaceStatusDeleting, n.CreationStatus == types.NamespaceStatusCreating,
			asked && n.CreationStatus != types.NamespaceStatusRetryableFailure:
			continue
		}
		err := u.act(ctx, change{opDeleteNamespace, region, planned.Name, func(ctx context.Context) error {
			cfg, err := hands.of(ctx, planned.Name)
			if err != nil {
				return err
			}
			_, err = quickSightIn(cfg, region).DeleteNamespace(ctx, &quicksight.DeleteNamespaceInput{AwsAccountId: &u.plan.AccountID, Namespace: &planned.Name})
			return err
		}})
		if err != nil {
			return nil, stopped(err, opDeleteNamespace, region)
		}
	}
	return left, nil
}

func namespaceError(n types.NamespaceInfoV2) string {
	if n.NamespaceError == nil {
		return string(n.CreationStatus)
	}
	return fmt.Sprintf("%s: %s", n.NamespaceError.Type, aws.ToString(n.NamespaceError.Message))
}

// unsubscribe makes the one call that cannot be undone.
func (u *unsubscribing) unsubscribe(ctx context.Context) error {
	hands, err := u.sessions(grant{u.plan.AccountID, u.unsubscribePolicy()})
	if err != nil {
		return err
	}
	region := u.plan.IdentityRegion
	err = u.act(ctx, change{opUnsubscribe, region, u.plan.AccountID, func(ctx context.Context) error {
		cfg, err := hands.of(ctx, u.plan.AccountID)
		if err != nil {
			return err
		}
		_, err = quickSightIn(cfg, region).DeleteAccountSubscription(ctx, &quicksight.DeleteAccountSubscriptionInput{AwsAccountId: &u.plan.AccountID})
		return err
	}})
	var unmet *types.PreconditionNotMetException
	if errors.As(err, &unmet) {
		return u.unmet(ctx, unmet)
	}
	if err != nil {
		return stopped(err, opUnsubscribe, region)
	}
	return nil
}

// unsubscribePolicy is what the call needs. QuickSight may delete the directory itself, with the caller's rights, so that the
// right to delete directories is left out where the plan keeps one.
func (u *unsubscribing) unsubscribePolicy() Policy {
	policy := Policy{
		{Actions: []string{opUnsubscribe}, Resources: []string{u.arn("quicksight", "*", "account/"+u.plan.AccountID)}},
		{Actions: []string{"quicksight:Unsubscribe", "ds:UnauthorizeApplication", "ds:DescribeDirectories"}},
	}
	switch u.plan.Directory.Fate {
	case closing.FateDelete:
		return append(policy, u.directoryPolicy()...)
	case closing.FateKeep:
		return policy
	case closing.FateNone:
	}
	return append(policy, Statement{Actions: []string{"ds:DeleteDirectory"}}) // identity pools, which DescribeDirectories does not show
}

// unmet is a refusal for a precondition, of which QuickSight does not say which. A namespace that the plan does not name must be
// approved first; anything else is tried again in the next pass.
func (u *unsubscribing) unmet(ctx context.Context, refusal *types.PreconditionNotMetException) error {
	namespaces, _, err := listNamespaces(ctx, u.target, u.plan.AccountID, u.plan.IdentityRegion)
	if err != nil {
		return err
	}
	for _, n := range namespaces {
		planned := slices.ContainsFunc(u.plan.Namespaces, func(p closing.Namespace) bool { return p.Name == n.Name })
		if !planned && n.Name != aws.ToString(u.settings.DefaultNamespace) {
			return closing.Errorf(closing.Stale, "QuickSight refuses to unsubscribe account %s, which has the namespace %s that nobody approved deleting; the subscription was not touched: %w",
				u.plan.AccountID, n.Name, refusal).WithHint("start a fresh run, which asks again")
		}
	}
	u.refusal = "QuickSight says " + refusal.ErrorMessage()
	return nil
}

// saved is the guard "manifest".
func (u *unsubscribing) saved(ctx context.Context) error {
	m, err := u.folder.Manifest(ctx, u.commit.Round, u.commit.Digest)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return err
	}
	if err != nil || m.Sum() != u.commit.Manifest {
		return closing.Errorf(closing.RecordInvalid, "what was saved of account %s is no longer what was committed; nothing more was changed", u.plan.AccountID).
			WithHint("look at who wrote %s, then start a fresh run", u.folder.Key(record.ManifestName(u.commit.Round)))
	}
	return u.folder.CheckLists(ctx, m.Backups, m.Objects)
}

// asApproved is the guard "stale-commit".
func (u *unsubscribing) asApproved(ctx context.Context) error {
	if u.retaken == nil {
		return nil
	}
	now := *u.retaken
	if now.Subscription != nil {
		mine := *now.Subscription // a copy
		now.Subscription = &mine
		// What this run itself has done is not what somebody changed.
		if u.did(opUpdateSettings) && !mine.TerminationProtection {
			mine.TerminationProtection = u.plan.Subscription.TerminationProtection
		}
		if u.did(opUnsubscribe) && u.now.life == lifeFailed {
			mine.Status = u.plan.Subscription.Status
		}
	}
	found, err := drift(ctx, u.folder, u.plan, now, false)
	if err != nil {
		return err
	}
	if found.N > 0 {
		return closing.Errorf(closing.Stale, "account %s is not as it was approved, and the commit is from %s; the subscription is still there: %s",
			u.plan.AccountID, u.commit.At.Format(time.RFC3339), differences(found)).
			WithHint("start a fresh run, which asks again")
	}
	return nil
}

// did tells whether this run has made a change of that kind.
func (p *pass) did(operation string) bool {
	return slices.ContainsFunc(p.past, func(a closing.Act) bool { return a.Operation == operation && a.Outcome == outcomeDone })
}

// running is the guard "execution-running": stopping an execution does not stop a function that it has called.
func (u *unsubscribing) running(ctx context.Context) error {
	execution, err := u.describe(ctx, u.in.Execution.ID)
	if err != nil {
		return err
	}
	if status := execution.Status; status != sfntypes.ExecutionStatusRunning {
		return closing.Errorf(closing.NotRunning, "the execution %s is %s; the subscription of account %s was not touched", u.in.Execution.Name, status, u.plan.AccountID).
			WithHint("redrive the execution to go on")
	}
	return nil
}
