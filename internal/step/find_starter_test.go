package step

import (
	"fmt"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/closing"
)

// started is CloudTrail's event of starting, or redriving, an execution.
func started(operation, at, principal, execution, more string) string {
	return fmt.Sprintf(`{"time": %q, "name": %q, "source": "states.amazonaws.com", "principal": %q,
		"parameters": {"executionArn": %q}, "response": {"executionArn": %q}%s}`, at, operation, principal, execution, execution, more)
}

func TestFindStarter(t *testing.T) {
	t.Parallel()
	const at, sam = "2026-03-02T09:00:01Z", askingUser + "sam"
	for _, tt := range []struct{ name, trail, want string }{
		{"a user", started("StartExecution", at, sam, readingRun, ""), sam},
		{"an Identity Center user", started("StartExecution", at, askingRole+"AWSReservedSSO_Ops_0123456789abcdef/sam@example.com", readingRun, ""), "sam@example.com"},
		{"a role", started("StartExecution", at, askingRole+"pipeline/build-7", readingRun, ""), "arn:aws:iam::111122223333:role/pipeline"},
		{"among others", started("StartExecution", at, askingUser+"eve", readingRun+"0", "") + "," + started("StartExecution", at, sam, readingRun, ""), sam},
		{"a failed start before", started("StartExecution", at, askingUser+"eve", readingRun, `, "error": "AccessDenied"`) + "," + started("StartExecution", "2026-03-02T08:59:59Z", sam, readingRun, ""), sam},
		{"an event of another service", started("StartExecution", at, askingUser+"eve", readingRun, `, "source": "evil.amazonaws.com"`) + "," + started("StartExecution", at, sam, readingRun, ""), sam},
		{"a federated user", started("StartExecution", at, "arn:aws:sts::111122223333:federated-user/sam", readingRun, ""), "arn:aws:sts::111122223333:federated-user/sam"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newAsking(t, tt.trail)
			l.in.Run.Starter, l.in.Run.Deadline = "", nil
			l.pass(6 * time.Minute)
			result, err := l.call(FindStarter, "Find Starter", "")
			l.wants("", result, err)
			if result.Run.Starter != tt.want {
				t.Errorf("got %q, want %q", result.Run.Starter, tt.want)
			}
			if d := result.Run.Deadline; d == nil || !d.Equal(l.now.Add(l.env.Config.ApprovalWindow)) {
				t.Errorf("the round ends at %v", d)
			}
		})
	}
}

// Ensure that CloudTrail, which is late, is waited for, but not for ever.
func TestStarterNotFound(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		l := newAsking(t, started("StartExecution", "2026-03-02T07:00:00Z", askingUser+"sam", readingRun, "")) // of a run of the same name, long ago
		l.env.Config.RefuseUnverifiedStarter = refuse
		l.in.Run.Deadline = nil
		entered := l.now
		for l.now.Sub(entered) < l.env.Config.StarterWait {
			l.in.State, l.in.Entered = "Find Starter", entered
			result, err := FindStarter(l.env)(l.ctx(), l.in)
			if err != nil || result.State != InProgress || result.Progress.Wait < 30 || result.Run.Deadline != nil {
				t.Fatalf("after %s: got %+v, %v", l.now.Sub(entered), result, err)
			}
			l.in.Progress = result.Progress
			l.pass(time.Duration(result.Progress.Wait) * time.Second)
		}
		result, err := FindStarter(l.env)(l.ctx(), l.in)
		switch {
		case refuse && closing.CodeOf(err) != closing.NoEvidence:
			t.Errorf("got %v, want NoEvidence", err)
		case !refuse && (err != nil || result.Run.Starter != closing.Unverified || result.Run.Deadline == nil):
			t.Errorf("got %+v, %v, want an unverified starter", result.Run, err)
		}
	}
}

// Ensure that a run that a schedule started is the schedule's, until a person redrives it.
func TestStartedBySchedule(t *testing.T) {
	t.Parallel()
	const scheduled = `, "invokedBy": "scheduler.amazonaws.com"`
	start := started("StartExecution", "2026-03-02T09:00:01Z", askingRole+"scheduler/7", readingRun, scheduled)
	redrive := started("RedriveExecution", "2026-03-03T09:00:00Z", askingUser+"sam", readingRun, "")
	for _, tt := range []struct {
		name, trail string
		redriven    bool
		want        string // "": not known yet
	}{
		{"started", start, false, "scheduler.amazonaws.com"},
		{"redriven", start + "," + redrive, true, askingUser + "sam"},
		{"redriven, and CloudTrail is late", start, true, ""},
		{"of a person, and redriven by another", started("StartExecution", "2026-03-02T09:00:01Z", askingUser+"ann", readingRun, "") + "," + redrive, true, askingUser + "ann"},
	} {
		l := newAsking(t, tt.trail)
		l.pass(25 * time.Hour)
		if tt.redriven {
			at := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
			l.in.Execution.RedriveCount, l.in.Execution.RedriveTime = 1, &at
			l.now = at.Add(10 * time.Minute)
		}
		result, err := l.call(FindStarter, "Find Starter", "")
		if err != nil || (result.State == Done) != (tt.want != "") || tt.want != "" && result.Run.Starter != tt.want {
			t.Errorf("%s: got %+v, %v, want %q", tt.name, result, err, tt.want)
		}
	}
}

// Ensure that a service which acts on somebody's behalf does not hide him.
func TestStartedByService(t *testing.T) {
	t.Parallel()
	var e trailEvent
	e.UserIdentity.ARN = askingRole + "scheduler/7"
	for _, service := range []string{"events.amazonaws.com", "scheduler.amazonaws.com", "pipes.amazonaws.com", "states.amazonaws.com"} {
		if e.UserIdentity.InvokedBy = service; e.service() != service {
			t.Errorf("%s starts executions by itself, got %q", service, e.service())
		}
	}
	for _, service := range []string{"", "cloudformation.amazonaws.com", "AWS Internal", "scheduler.amazonaws.com.evil"} {
		if e.UserIdentity.InvokedBy = service; e.service() != "" {
			t.Errorf("%q does not, got %q", service, e.service())
		}
	}
}
