package step

import (
	"errors"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// approved is a run that is approved and cooled off, and whose account was just taken again as change makes it.
func approved(t *testing.T, change func(*facts), faults ...emulator.Fault) *asking {
	t.Helper()
	l := newAsking(t, "", faults...)
	l.approve(change)
	return l
}

// approve asks, approves, cools off and retakes.
func (l *asking) approve(change func(*facts)) {
	l.t.Helper()
	_, err := l.ask()
	l.must(err)
	l.decide(closing.Approve, "ann")
	l.pass(l.env.Config.CoolOff)
	l.plan(record.RetakeName(l.in.Run.Round), change)
}

func same(*facts) {}

func oneMoreUser(p *facts) {
	p.listed = append(p.listed, closing.Asset{ARN: "arn:user/eve", Kind: kindUser, Region: "us-east-1"})
}

func oneUserLess(p *facts) { p.listed = p.listed[:2] }

func TestCommit(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*facts){"unchanged": same, "one user less": oneUserLess} {
		l := approved(t, change)
		result, err := l.commit()
		l.wants(Committed, result, err)
		commit, err := l.folder().Commit(l.ctx())
		if err != nil || commit.Round != 1 || commit.Digest != l.in.Run.Digest || !commit.At.Equal(l.now) ||
			commit.PlanKey != l.folder().Key("plan-1.json") || len(commit.Decisions) != 1 || commit.Decisions[0].Person != askingUser+"ann" {
			t.Errorf("%s: the commit is %+v, %v", name, commit, err)
		}
		l.pass(time.Minute)
		result, err = l.commit() // a duplicate
		l.wants(Committed, result, err)
		if again, err := l.folder().Commit(l.ctx()); err != nil || !again.At.Equal(commit.At) {
			t.Errorf("%s: the commit was written again: %+v, %v", name, again, err)
		}
	}
}

// Ensure that a function that is killed between seal and commit goes on from there, with the time of the seal.
func TestCommitAfterSeal(t *testing.T) {
	t.Parallel()
	killed := emulator.Fault{Match: emulator.Match{Operation: "PutObject", Contains: "commit.json"}, Lost: true}
	l := approved(t, same, killed)
	if _, err := l.commit(); err == nil {
		t.Fatal("the lost write is no error")
	}
	sealed := l.now
	l.pass(2 * time.Hour)
	result, err := l.commit()
	l.wants(Committed, result, err)
	if commit, err := l.folder().Commit(l.ctx()); err != nil || !commit.At.Equal(sealed) {
		t.Errorf("the commit is of %s, %v, want of the seal's time %s", commit.At, err, sealed)
	}
}

func TestCommitRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(*asking)
		want Verdict
	}{
		{"cancelled", func(l *asking) { l.cancel() }, Cancelled},
		{"rejected by another", func(l *asking) { l.decide(closing.Reject, "bob") }, Rejected},
		{"rung before the cooling off is over", func(l *asking) { l.pass(-time.Second) }, Cooling},
		{"a quorum of two", func(l *asking) {
			l.in.Run.Round = 2
			l.in.Run.Digest = l.plan(record.PlanName(2), same).Digest
			l.env.Config.Quorum = 2
			l.approve(same)
		}, Pending},
		{"nobody was asked", func(l *asking) {
			l.in.Run.Round = 2
			l.in.Run.Digest = l.plan(record.PlanName(2), same).Digest
			l.plan(record.RetakeName(2), same)
		}, Pending},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := approved(t, same)
			tt.do(l)
			result, err := l.commit()
			l.wants(tt.want, result, err)
			if _, err := l.folder().Commit(l.ctx()); !errors.Is(err, record.ErrNotFound) {
				t.Errorf("there is a commit: %v", err)
			}
			if tt.want == Cooling && result.Run.CoolUntil == nil {
				t.Error("the run does not know until when")
			}
		})
	}
}

// Ensure that the run that has lost its lock commits nothing.
func TestCommitSuperseded(t *testing.T) {
	t.Parallel()
	l := approved(t, same)
	l.must(l.env.Record.Unlock(l.ctx(), readingTarget, readingRun))
	if _, err := l.commit(); closing.CodeOf(err) != closing.Superseded {
		t.Errorf("got %v, want Superseded", err)
	}
}

// Ensure that an account that changed is asked about again, three times in all.
func TestDriftedRounds(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	for round := 1; round < closing.MaxRounds; round++ {
		before := l.in.Run.Digest
		drift := func(p *facts) { p.listed[1].Role = strings.Repeat("x", round) }
		l.approve(drift)
		result, err := l.commit()
		l.wants(Drifted, result, err)
		run := result.Run
		if run.Round != round+1 || run.Digest == before || run.CoolUntil != nil || !run.Deadline.Equal(l.now.Add(l.env.Config.ApprovalWindow)) {
			t.Errorf("after round %d the run is %+v", round, run)
		}
		plan, err := l.folder().Plan(l.ctx(), record.PlanName(run.Round), run.Round)
		if err != nil || plan.Digest != run.Digest || plan.Material.Contents[1].Role != strings.Repeat("x", round) {
			t.Errorf("the plan of round %d is %+v, %v", run.Round, plan, err)
		}
		if result.Remaining.Total != 1 || !strings.Contains(result.Remaining.String(), "changed user arn:user/ann") {
			t.Errorf("the difference is %s", result.Remaining)
		}
		// A decision of the old round decides nothing in the new one.
		result, err = l.read()
		l.wants(Pending, result, err)
	}
	l.approve(oneMoreUser)
	_, err := l.commit()
	if closing.CodeOf(err) != closing.Blocked || !strings.Contains(err.Error(), "new user arn:user/eve") {
		t.Errorf("after %d rounds: got %v, want Blocked with the difference", closing.MaxRounds, err)
	}
}

// Ensure that a function that is killed after it wrote the next round's plan comes to the same round again.
func TestDriftIsRepeatable(t *testing.T) {
	t.Parallel()
	l := approved(t, oneMoreUser)
	in := l.in
	first, err := l.commit()
	l.wants(Drifted, first, err)
	l.in = in
	l.pass(time.Minute)
	second, err := l.commit()
	l.wants(Drifted, second, err)
	if first.Run.Round != second.Run.Round || first.Run.Digest != second.Run.Digest {
		t.Errorf("got %+v and %+v", first.Run, second.Run)
	}
}

// Ensure that an account that is no longer closable is not committed, drift or no drift.
func TestCommitBlocked(t *testing.T) {
	t.Parallel()
	l := approved(t, func(p *facts) {
		oneMoreUser(p)
		p.Observed.Blockers = []closing.Blocker{{Code: closing.Blocked, Message: "i-1 runs in vpc-1", Paste: `{"vpc": "keep"}`}}
	})
	_, err := l.commit()
	if closing.CodeOf(err) != closing.Blocked || !strings.Contains(err.Error(), "i-1 runs in vpc-1") || !strings.Contains(err.Error(), `{"vpc": "keep"}`) {
		t.Errorf("got %v, want Blocked, and what to paste", err)
	}
}

// Ensure that old approvals and an old inventory are renewed by another round, and that waiting for notBefore makes no approval old.
func TestCommitAge(t *testing.T) {
	t.Parallel()
	t.Run("a day", func(t *testing.T) {
		t.Parallel()
		l := newAsking(t, "")
		_, err := l.ask()
		l.must(err)
		l.decide(closing.Approve, "ann")
		l.pass(l.env.Config.CoolOff + l.env.Config.DecisionAge)
		l.plan(record.RetakeName(1), same)
		result, err := l.commit()
		l.wants(Committed, result, err)
	})
	t.Run("more than a day", func(t *testing.T) {
		t.Parallel()
		l := newAsking(t, "")
		_, err := l.ask()
		l.must(err)
		l.decide(closing.Approve, "ann")
		l.pass(l.env.Config.CoolOff + l.env.Config.DecisionAge + time.Second)
		l.plan(record.RetakeName(1), same)
		result, err := l.commit()
		l.wants(Drifted, result, err)
		if !strings.Contains(result.Remaining.String(), "approvals") || result.Run.Digest != l.in.Run.Digest {
			t.Errorf("got %s, %+v", result.Remaining, result.Run)
		}
	})
	t.Run("of two, one more than a day before the other", func(t *testing.T) {
		t.Parallel()
		l := newAsking(t, "")
		l.env.Config.Quorum = 2
		_, err := l.ask()
		l.must(err)
		l.decide(closing.Approve, "ann")
		l.pass(25 * time.Hour)
		l.decide(closing.Approve, "bob")
		l.pass(l.env.Config.CoolOff)
		l.plan(record.RetakeName(1), same)
		result, err := l.commit()
		l.wants(Drifted, result, err)
	})
	t.Run("a month of waiting for notBefore", func(t *testing.T) {
		t.Parallel()
		l := newAsking(t, "")
		notBefore := l.now.Add(30 * 24 * time.Hour)
		wait := func(p *facts) { p.Material.NotBefore = &notBefore }
		l.in.Run.Round = 2
		l.in.Run.Digest = l.plan(record.PlanName(2), wait).Digest
		_, err := l.ask()
		l.must(err)
		l.decide(closing.Approve, "ann")
		l.now = notBefore.Add(23 * time.Hour)
		l.plan(record.RetakeName(2), wait)
		result, err := l.commit()
		l.wants(Committed, result, err)
	})
	t.Run("an old inventory", func(t *testing.T) {
		t.Parallel()
		l := approved(t, same)
		l.pass(l.env.Config.InventoryBudget + closing.MaxCommitAge + time.Second)
		result, err := l.commit()
		l.wants(Drifted, result, err)
		if !strings.Contains(result.Remaining.String(), "looked at") {
			t.Errorf("got %s", result.Remaining)
		}
	})
}

// Ensure that a seal for something else than what is to be committed is never taken for permission.
func TestForeignSeal(t *testing.T) {
	t.Parallel()
	l := approved(t, same)
	_, err := l.folder().PutSeal(l.ctx(), closing.Seal{Round: 1, Digest: "sha256:other", Kind: closing.SealCommit, At: l.now})
	l.must(err)
	if _, err := l.commit(); closing.CodeOf(err) != closing.RecordInvalid {
		t.Errorf("got %v, want RecordInvalid", err)
	}
}
