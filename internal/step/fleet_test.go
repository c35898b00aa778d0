package step

import (
	"errors"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

const (
	fleetMachine = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe-fleet:"
	fleetRun     = fleetMachine + "run-9"
)

// ofFleet is the run of one account of a fleet, which is committed and runs. The account was taken again as retaken makes it.
type ofFleet struct {
	*asking
	fleet *record.Folder
	grant closing.Grant
}

// newOfFleet writes the fleet's record as granted makes its grant; "" as the grant's account leaves it out.
func newOfFleet(t *testing.T, execution string, granted func(*closing.Grant), retaken func(*facts)) *ofFleet {
	t.Helper()
	l := &ofFleet{asking: newAsking(t, "")}
	l.env.Config.Machine = "arn:aws:states:us-east-1:111122223333:stateMachine:quicksight-unsubscribe"
	l.executions = map[string]string{execution: "RUNNING"}
	l.in.Run.Fleet = record.Prefix(closing.FleetFolder, "run-9", l.now)
	l.fleet = l.env.Record.Folder(l.in.Run.Fleet, execution)
	l.must(l.fleet.PutFleetRequest(l.ctx(), closing.FleetRequest{Accounts: []string{readingTarget}}))
	decisions := []closing.Decision{{Verdict: closing.Approve, Person: askingUser + "ann", At: l.now}}
	l.grant = closing.Grant{
		Round: 1, Digest: "sha256:fleet", AccountID: readingTarget, Plan: l.in.Run.Digest, PlanKey: l.folder().Key(record.PlanName(1)), At: l.now, Decisions: decisions,
	}
	granted(&l.grant)
	if l.grant.AccountID != "" {
		l.must(l.fleet.PutGrant(l.ctx(), l.grant))
	}
	l.plan(record.RetakeName(1), retaken)
	return l
}

func (l *ofFleet) committed() *ofFleet {
	l.t.Helper()
	_, err := l.fleet.PutCommit(l.ctx(), closing.Commit{Round: 1, Digest: "sha256:fleet", At: l.now})
	l.must(err)
	return l
}

func asGranted(*closing.Grant) {}

// Ensure that the commit of a fleet stands for the decision on each of its accounts, for one run of each.
func TestCommitOfFleet(t *testing.T) {
	t.Parallel()
	l := newOfFleet(t, fleetRun, asGranted, same).committed()
	for range 2 { // and a duplicate
		result, err := l.commit()
		l.wants(Committed, result, err)
	}
	commit, err := l.folder().Commit(l.ctx())
	if err != nil || commit.Fleet != l.in.Run.Fleet || commit.Digest != l.grant.Plan || len(commit.Decisions) != 1 {
		t.Errorf("the commit is %+v, %v", commit, err)
	}
	claim, err := l.fleet.Claim(l.ctx(), readingTarget)
	if err != nil || claim.Execution != readingRun || claim.Closing != l.in.Run.Closing || claim.Fleet != fleetRun {
		t.Errorf("the claim is %+v, %v", claim, err)
	}
}

// Ensure that a run commits nothing that the record of its fleet does not allow, whatever its input says.
func TestCommitOfFleetRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		lab  func(*testing.T) *ofFleet
		want closing.Code
		says string
	}{
		{"a fleet that is not there", func(t *testing.T) *ofFleet {
			l := newOfFleet(t, fleetRun, asGranted, same).committed()
			l.in.Run.Fleet = record.Prefix(closing.FleetFolder, "run-10", l.now)
			return l
		}, closing.NotInFleet, "there is no fleet"},
		{"the closing of an account in the place of a fleet", func(t *testing.T) *ofFleet {
			return newOfFleet(t, strings.Replace(fleetRun, "-fleet", "", 1), asGranted, same).committed()
		}, closing.NotInFleet, "is not of the machine that closes many accounts"},
		{"a fleet that is not committed", func(t *testing.T) *ofFleet {
			return newOfFleet(t, fleetRun, asGranted, same)
		}, closing.NotInFleet, "is not committed"},
		{"an account that is not in the fleet", func(t *testing.T) *ofFleet {
			return newOfFleet(t, fleetRun, func(g *closing.Grant) { g.AccountID = "" }, same).committed()
		}, closing.NotInFleet, "is not among those that were approved"},
		{"another plan than was approved", func(t *testing.T) *ofFleet {
			return newOfFleet(t, fleetRun, func(g *closing.Grant) { g.Plan = "sha256:another" }, same).committed()
		}, closing.NotInFleet, "sha256:another was approved"},
		{"a grant of another commit", func(t *testing.T) *ofFleet {
			return newOfFleet(t, fleetRun, func(g *closing.Grant) { g.Digest = "sha256:before" }, same).committed()
		}, closing.RecordInvalid, ""},
		{"an approval that is too old", func(t *testing.T) *ofFleet {
			l := newOfFleet(t, fleetRun, asGranted, same).committed()
			l.pass(closing.MaxFleetAge + time.Second)
			return l
		}, closing.NotInFleet, "its approval holds for"},
		{"a fleet that was stopped", func(t *testing.T) *ofFleet {
			l := newOfFleet(t, fleetRun, asGranted, same).committed()
			l.executions[fleetRun] = "ABORTED"
			return l
		}, closing.NotInFleet, "is ABORTED"},
		{"an approval that was used", func(t *testing.T) *ofFleet {
			l := newOfFleet(t, fleetRun, asGranted, same).committed()
			_, err := l.fleet.PutClaim(l.ctx(), closing.Claim{Execution: readingRun + "-before", AccountID: readingTarget, At: l.now})
			l.must(err)
			return l
		}, closing.Claimed, "was used by " + readingRun + "-before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := tt.lab(t)
			if _, err := l.commit(); closing.CodeOf(err) != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %s that says %q", err, tt.want, tt.says)
			}
			for _, err := range []error{second(l.folder().Commit(l.ctx())), second(l.folder().Seal(l.ctx()))} {
				if !errors.Is(err, record.ErrNotFound) {
					t.Errorf("it is committed: %v", err)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// Ensure that an account of a fleet which is not to the letter what was approved drops out, even where something has only disappeared.
func TestDriftOfFleet(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*facts){"has changed: new user arn:user/eve": oneMoreUser, "has disappeared": oneUserLess} {
		l := newOfFleet(t, fleetRun, asGranted, change).committed()
		if _, err := l.commit(); closing.CodeOf(err) != closing.NotInFleet || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want NotInFleet that says %q", err, says)
		}
	}
}
