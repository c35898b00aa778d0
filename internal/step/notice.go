package step

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"quicksight-unsubscribe/internal/closing"
)

// ApproverAttribute is the attribute of a request for approval that says whom it asks: each approver's subscription lets his own through.
const ApproverAttribute = "approver"

// publish sends a notice to the people who subscribed to the topic.
func (e Env) publish(ctx context.Context, subject, message string) error {
	return e.send(ctx, &sns.PublishInput{TopicArn: &e.Config.Topic, Subject: &subject, Message: &message})
}

// askOne sends a request for approval to one approver.
func (e Env) askOne(ctx context.Context, approver closing.Approver, subject, message string) error {
	return e.send(ctx, &sns.PublishInput{
		TopicArn: &e.Config.ApprovalTopic, Subject: &subject, Message: &message,
		MessageAttributes: map[string]types.MessageAttributeValue{ApproverAttribute: {DataType: aws.String("String"), StringValue: &approver.Person}},
	})
}

// send publishes. The subject must be ASCII, in one line, and shorter than 100 characters
// (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
func (e Env) send(ctx context.Context, in *sns.PublishInput) error {
	if _, err := sns.NewFromConfig(e.AWS.Hub()).Publish(ctx, in); err != nil {
		return fmt.Errorf("publish the notice %q: %w", *in.Subject, err)
	}
	return nil
}

// notify asks for decisions: each approver who has not decided, or, where none are named, whoever gets the notices. The QuickSight
// account's name is not in the notice: whoever approves types it, having looked.
func (e Env) notify(ctx context.Context, in Input, g gate) error {
	request, err := e.folder(in).Request(ctx)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	subject := fmt.Sprintf("Approve closing QuickSight in %s by %s", subjectOf(in, g.plan), g.ask.Deadline.UTC().Format("2006-01-02 15:04 UTC"))
	message := e.notice(in, *g.ask, about(in, *g.ask, g.plan, request, e.location("")))
	for _, approver := range closing.Electorate(g.ask.Approvers, g.ask.Starter) {
		if slices.ContainsFunc(g.decisions, func(d closing.Decision) bool { return d.Person == approver.Person }) {
			continue
		}
		if err := e.askOne(ctx, approver, subject, message); err != nil {
			return err
		}
	}
	if len(g.ask.Approvers) == 0 {
		if err := e.publish(ctx, subject, message); err != nil {
			return err
		}
	}
	return e.Announce(ctx, closing.ApprovalRequested{
		Concerning: e.Concerning(in.Run.AccountID, in.Execution.ID, in.Run.Closing),
		Round:      g.ask.Round, Digest: g.ask.Digest, AskedAt: g.ask.AskedAt, Deadline: g.ask.Deadline, Quorum: g.ask.Quorum, Approvers: closing.PersonsOf(g.ask.Approvers),
		Starter: g.ask.Starter, Reason: request.Reason, Page: g.ask.Page,
	})
}

// subjectOf names what is asked about.
func subjectOf(in Input, plan closing.Plan) string {
	if in.Run.isFleet() {
		return fmt.Sprintf("%d accounts", len(plan.Material.Fleet))
	}
	return "account " + in.Run.AccountID
}

// about is what is asked.
func about(in Input, ask closing.Ask, plan closing.Plan, request closing.Request, bucket string) string {
	var b strings.Builder
	m := plan.Material
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Amazon QuickSight in AWS %s is to be closed. This cannot be undone.", subjectOf(in, plan))
	line("")
	line("Started by: %s", ask.Starter)
	if request.Reason != "" {
		line("Reason: %q", request.Reason)
	}
	line("Round: %d of at most %d", ask.Round, closing.MaxRounds)
	if ask.Difference.N > 0 {
		line("The account is not as it was approved in the round before:")
		for _, d := range ask.Difference.First {
			line("  %s", d)
		}
		if more := ask.Difference.N - len(ask.Difference.First); more > 0 {
			line("  and %d more", more)
		}
	}
	line("What would be destroyed:")
	lines := destroyed(m)
	if in.Run.isFleet() {
		lines = fleetLines(plan)
	}
	for _, c := range lines {
		line("  %s", c)
	}
	line("What follows from it:")
	for _, c := range plan.Consequences() {
		line("  %s", m.Mask().ReplaceAllString(c.String(), "•••"))
	}
	line("Plan: %s%s", bucket, ask.PlanKey)
	line("Digest: %s", ask.Digest)
	return b.String()
}

// notice is what is asked, and how to decide on it.
func (e Env) notice(in Input, ask closing.Ask, about string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", about)
	line("To decide, with your own AWS credentials:")
	folder := e.location(strings.TrimSuffix(in.Run.Closing, "/"))
	for _, verdict := range []closing.Verdict{closing.Approve, closing.Reject} {
		line("  unsubscribe %s %s", verdict, folder)
	}
	line("  unsubscribe approve --web %s   (in the browser)", folder)
	if ask.Page != "" {
		line("or, in AWS CloudShell, with nothing installed:")
		line("  %s", e.scriptCommand(in, ask.Round))
	}
	line("")
	line("Approvals needed: %d. Whoever started the run cannot approve it.", ask.Quorum)
	line("Without them by %s nothing is deleted.", ask.Deadline.UTC().Format(time.RFC3339))
	return b.String()
}

// destroyed counts what a plan destroys, a line for each kind.
func destroyed(m closing.Material) []string {
	var lines []string
	count := func(n int, what string) {
		if n > 0 {
			lines = append(lines, fmt.Sprintf("%d × %s", n, what))
		}
	}
	if m.Subscription != nil {
		lines = append(lines, "the account's subscription, identity region "+m.IdentityRegion)
	}
	count(len(m.Namespaces), "namespace")
	kinds := map[string]int{}
	for _, c := range m.Contents {
		kinds[c.Kind] += c.N
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		count(kinds[kind], kind)
	}
	for _, n := range m.NotReadable {
		lines = append(lines, fmt.Sprintf("every %s in %s, which could not be read: %s", n.Kind, n.Region, n.Reason))
	}
	count(len(m.VPCConnections), "VPC connection")
	if d := m.Directory; d.Fate == closing.FateDelete {
		lines = append(lines, fmt.Sprintf("the directory %s in %s", d.ID, d.Region))
	}
	if v := m.VPC; v.Fate == closing.FateDelete {
		lines = append(lines, fmt.Sprintf("the VPC %s in %s with %d resources", v.ID, v.Region, len(v.Resources)))
	}
	return lines
}
