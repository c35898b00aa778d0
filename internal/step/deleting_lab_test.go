package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

const deletingMachine = "arn:aws:states:us-east-1:" + readingHub + ":stateMachine:quicksight-unsubscribe"

// deleting is an account whose closing is committed, and a clock that the waits of its steps move on.
type deleting struct {
	*reading
	now     time.Time
	input   string    // of the execution
	failure string    // the execution's error
	stopped time.Time // when it ended
}

// DescribeExecution is that of a reading, with what finish-run and write-report want to know besides.
func (d *deleting) DescribeExecution(arn string) (emulator.Execution, bool) {
	e, ok := d.reading.DescribeExecution(arn)
	e.Name, e.StateMachineARN, e.Input, e.Error, e.Stop = "run-1", deletingMachine, json.RawMessage(d.input), d.failure, d.stopped
	return e, ok
}

// Target says what boot says of a role that cannot be assumed.
func (d *deleting) Target(ctx context.Context, access Access) (aws.Config, error) {
	cfg, err := d.reading.Target(ctx, access)
	if err != nil {
		return aws.Config{}, closing.Errorf(closing.TargetUnreachable, "the role %s cannot be assumed: %w", access.Role, err)
	}
	return cfg, nil
}

// newDeleting plans a request for an account, whose parts are written as in a world, and commits the plan.
func newDeleting(t *testing.T, account, request string, options emulator.Options) *deleting {
	t.Helper()
	d := newUncommitted(t, account, request, options)
	d.commit()
	return d
}

func newUncommitted(t *testing.T, account, request string, options emulator.Options) *deleting {
	t.Helper()
	d := newUnplanned(t, account, options)
	d.plan(strings.Replace(`{"accountId": "`+readingTarget+`", `+strings.TrimPrefix(request, "{"), `", }`, `"}`, 1))
	return d
}

func newUnplanned(t *testing.T, account string, options emulator.Options) *deleting {
	t.Helper()
	d := &deleting{}
	options.Now = func() time.Time { return d.now }
	d.now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	d.reading = newReading(t, account, options, d)
	d.env.AWS = d
	d.input = `{"accountId": "` + readingTarget + `"}`
	d.env.Config.Halt, d.env.Config.Machine, d.env.Config.Bucket = "/kill-switch", deletingMachine, "record"
	d.env.Config.Topic = "arn:aws:sns:us-east-1:" + readingHub + ":notices"
	d.change(func(w *emulator.World) {
		hub := w.Accounts[readingHub]
		hub.Parameters = map[string]string{"/kill-switch": "off"}
		hub.Topics = append(hub.Topics, &emulator.Topic{ARN: d.env.Config.Topic})
	})
	d.running[readingRun] = "RUNNING"
	return d
}

// commit commits the plan of the run's round.
func (d *deleting) commit() { d.commitWith(closing.ListRef{}) }

// commitWith does so with a list of what became of the assets.
func (d *deleting) commitWith(backups closing.ListRef) {
	d.t.Helper()
	folder := d.env.folder(d.in)
	_, err := folder.PutSeal(d.t.Context(), closing.Seal{Round: d.in.Run.Round, Digest: d.in.Run.Digest, Kind: closing.SealCommit, At: d.now})
	d.must(err)
	manifest, err := folder.PutManifest(d.t.Context(), closing.Manifest{Round: d.in.Run.Round, Digest: d.in.Run.Digest, At: d.now, Backups: backups})
	d.must(err)
	_, err = folder.PutCommit(d.t.Context(), closing.Commit{
		Round: d.in.Run.Round, Digest: d.in.Run.Digest, At: d.now, PlanKey: folder.Key(record.PlanName(d.in.Run.Round)), Manifest: manifest.Sum(),
	})
	d.must(err)
}

func (d *deleting) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *deleting) change(edit func(*emulator.World)) {
	d.t.Helper()
	d.must(d.aws.Change(edit))
}

// target changes the account that is being closed behind the run's back.
func (d *deleting) target(edit func(*emulator.Account)) {
	d.t.Helper()
	d.change(func(w *emulator.World) { edit(w.Accounts[readingTarget]) })
}

// call calls a step once.
func (d *deleting) call(handler func(Env) Handler, state string) (Result, error) {
	d.in.State, d.in.Entered = state, d.now
	result, err := handler(d.env)(clock.Virtual(d.t.Context(), d.now, 10*time.Minute), d.in)
	if err == nil {
		d.in.Run, d.in.Progress = result.Run, result.Progress
	}
	return result, err
}

// until calls a step again and again, as the machine does, until it is done or fails.
func (d *deleting) until(handler func(Env) Handler, state string) error {
	d.t.Helper()
	for range 200 {
		result, err := d.call(handler, state)
		if err != nil || result.State == Done {
			return err
		}
		if result.Remaining.Total == 0 || result.Progress.Wait < 1 {
			d.t.Fatalf("%s goes on with nothing left, or without a wait: %+v", state, result)
		}
		d.now = d.now.Add(time.Duration(result.Progress.Wait) * time.Second)
	}
	d.t.Fatalf("%s does not end", state)
	return nil
}

func (d *deleting) subscription() error { return d.until(DeleteSubscription, "Delete Subscription") }
func (d *deleting) directory() error    { return d.until(DeleteDirectory, "Delete Directory") }
func (d *deleting) vpc() error          { return d.until(DeleteVPC, "Delete VPC") }

// redrive is the console's button, pressed after a while.
func (d *deleting) redrive(after time.Duration) {
	d.now = d.now.Add(after)
	at := d.now
	d.in.Execution.RedriveCount++
	d.in.Execution.RedriveTime = &at
	d.running[readingRun] = "RUNNING"
}

// mutations are the mutating calls that took effect, such as "ec2:DeleteSubnet subnet-1".
func (d *deleting) mutations() []string {
	var made []string
	for _, c := range d.aws.Journal() {
		if c.Mutating && c.Error == "" {
			made = append(made, fmt.Sprintf("%s:%s %s", c.Service, c.Operation, strings.Join(c.Resources, ",")))
		}
	}
	return made
}

// refused are the mutating calls that AWS refused.
func (d *deleting) refused() []string {
	var refused []string
	for _, c := range d.aws.Journal() {
		if c.Mutating && c.Error != "" {
			refused = append(refused, fmt.Sprintf("%s:%s %s", c.Service, c.Operation, c.Error))
		}
	}
	return refused
}

// count counts calls of an operation, whatever came of them.
func (d *deleting) count(operation string) int {
	n := 0
	for _, c := range d.aws.Journal() {
		if c.Service+":"+c.Operation == operation {
			n++
		}
	}
	return n
}

// fails holds that a step ended with an error of this code whose text has all these parts.
func (d *deleting) fails(err error, code closing.Code, says ...string) {
	d.t.Helper()
	if closing.CodeOf(err) != code {
		d.t.Fatalf("got the error %v, want %s", err, code)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			d.t.Errorf("the error %q does not say %q", err, part)
		}
	}
}

// record reads the run's folder.
func (d *deleting) acts() []closing.Act {
	d.t.Helper()
	acts, err := d.env.folder(d.in).Acts(d.t.Context())
	d.must(err)
	return acts
}

// repeated are the entries that a list holds more than once.
func repeated(list []string) []string {
	var twice []string
	sorted := slices.Sorted(slices.Values(list))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			twice = append(twice, sorted[i])
		}
	}
	return twice
}

// earlyAdopter is an account with everything that a closing deletes.
const earlyAdopter = `	"quickSight": {"notificationEmail": "bi@example.com", "terminationProtection": true,
		"namespaces": [{"name": "partners"}],
		"users": [{"userName": "ana", "role": "ADMIN"}],
		"regions": {
			"us-east-1": {"dashboards": ["Sales"], "vpcConnections": [{"name": "warehouse", "vpcId": "vpc-0bbb0000000000001", "subnetIds": ["subnet-0bbb000000000001"]}]},
			"eu-west-1": {"dashboards": ["EMEA"]}}},
	"directories": [{"id": "d-9067012345", "launched": "2016-02-01T10:00:00Z", "vpc": "vpc-0aaa0000000000001", "applications": ["quicksight"]}],
	"network": {"us-east-1": {
		"vpcs": [{"id": "vpc-0aaa0000000000001", "cidr": "10.42.0.0/16"}, {"id": "vpc-0bbb0000000000001", "cidr": "10.99.0.0/16"}],
		"subnets": [
			{"id": "subnet-0aaa000000000001", "vpc": "vpc-0aaa0000000000001"},
			{"id": "subnet-0aaa000000000002", "vpc": "vpc-0aaa0000000000001", "zone": "us-east-1b"},
			{"id": "subnet-0bbb000000000001", "vpc": "vpc-0bbb0000000000001"}],
		"routeTables": [{"id": "rtb-0aaa000000000001", "vpc": "vpc-0aaa0000000000001", "subnets": ["subnet-0aaa000000000001"]}],
		"internetGateways": [{"id": "igw-0aaa000000000001", "vpc": "vpc-0aaa0000000000001"}],
		"securityGroups": [
			{"id": "sg-0aaa000000000001", "vpc": "vpc-0aaa0000000000001", "name": "a", "rules": [{"group": "sg-0aaa000000000002"}]},
			{"id": "sg-0aaa000000000002", "vpc": "vpc-0aaa0000000000001", "name": "b", "rules": [{"group": "sg-0aaa000000000001"}]}],
		"networkAcls": [{"id": "acl-0aaa000000000001", "vpc": "vpc-0aaa0000000000001"}],
		"addresses": [{"id": "eipalloc-0aaa000000000001"}],
		"natGateways": [{"id": "nat-0aaa000000000001", "subnet": "subnet-0aaa000000000001", "address": "eipalloc-0aaa000000000001"}],
		"vpcEndpoints": [{"id": "vpce-0aaa000000000001", "vpc": "vpc-0aaa0000000000001", "service": "com.amazonaws.us-east-1.s3", "routeTables": ["rtb-0aaa000000000001"]}]
	}}`

var errNoReport = errors.New("there is no report")

// lastReport reads the newest report of the run.
func (d *deleting) lastReport(ctx context.Context) closing.Report {
	d.t.Helper()
	report, _, err := d.env.folder(d.in).LastReport(ctx)
	if errors.Is(err, record.ErrNotFound) {
		err = errNoReport
	}
	d.must(err)
	return report
}
