package step

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// pass is one invocation of a step that changes the target, with what it may rely on: a commit of this very run, and the plan
// that people approved and the commit repeats.
type pass struct {
	Env
	in     Input
	step   string // the function, such as "delete-vpc"
	folder *record.Folder
	commit closing.Commit
	plan   closing.Material
	past   []closing.Act // of this run, before this invocation

	eyes    *aws.Config
	mu      sync.Mutex // guards what acts that are made side by side share: past and the following
	cleared bool       // the guards of beforeChange have been asked
	seq     int        // acts of this invocation
	made    []string   // the same, in words
}

// open reads commit, plan and acts. Whoever calls a step in another way than the state machine after Commit Plan meets
// NotCommitted here, whatever the input says: nothing is read from the target and nothing changed.
func (e Env) open(ctx context.Context, in Input, step string) (*pass, error) {
	if in.Run.Closing == "" {
		return nil, notCommitted("the input names no closing folder")
	}
	p := &pass{Env: e, in: in, step: step, folder: e.folder(in)}
	var err error
	if p.commit, err = p.folder.Commit(ctx); errors.Is(err, record.ErrNotFound) {
		return nil, notCommitted("there is no commit in %s", in.Run.Closing)
	} else if err != nil {
		return nil, err
	}
	plan, err := p.folder.Plan(ctx, record.PlanName(p.commit.Round), p.commit.Round)
	if errors.Is(err, record.ErrNotFound) {
		return nil, notCommitted("the plan of round %d is not in %s", p.commit.Round, in.Run.Closing)
	} else if err != nil {
		return nil, err
	}
	switch p.plan = plan.Material; {
	case p.commit.PlanKey != p.folder.Key(record.PlanName(p.commit.Round)):
		return nil, notCommitted("the commit names the plan %s, which is not the one of its round", p.commit.PlanKey)
	case plan.Digest != p.commit.Digest:
		return nil, notCommitted("the commit names the digest %s, the plan has %s", p.commit.Digest, plan.Digest)
	case in.Run.Round != p.commit.Round || in.Run.Digest != p.commit.Digest:
		return nil, notCommitted("the run is in round %d with the digest %s, the commit names round %d and %s",
			in.Run.Round, in.Run.Digest, p.commit.Round, p.commit.Digest)
	case in.Run.AccountID != p.plan.AccountID:
		return nil, notCommitted("the run is for account %s, the plan for %s", in.Run.AccountID, p.plan.AccountID)
	}
	if p.past, err = p.folder.Acts(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

func notCommitted(format string, args ...any) error {
	return closing.Errorf(closing.NotCommitted, "this step may not delete anything: %s; nothing was touched", fmt.Sprintf(format, args...)).
		WithHint("start a fresh run")
}

// begin opens a delete step's pass and asks the guards of every pass.
func (e Env) begin(ctx context.Context, in Input, step string) (*pass, error) {
	p, err := e.open(ctx, in, step)
	if err != nil {
		return nil, err
	}
	return p, check(ctx, e, p, onEveryPass)
}

// holdsLock is the guard "lock".
func (p *pass) holdsLock(ctx context.Context) error {
	return p.Record.Holds(ctx, p.plan.AccountID, p.in.Execution.ID)
}

// mayGoOn is the guard "kill-switch". Only "off" lets a step go on: what cannot be read, or says something else, stops it.
func (p *pass) mayGoOn(ctx context.Context) error {
	out, err := ssm.NewFromConfig(p.AWS.Hub()).GetParameter(ctx, &ssm.GetParameterInput{Name: &p.Config.Halt})
	if err != nil {
		return fmt.Errorf("read the kill switch %s: %w", p.Config.Halt, err)
	}
	if value := strings.TrimSpace(aws.ToString(out.Parameter.Value)); value != "off" {
		return closing.Errorf(closing.Halted, "the kill switch %s reads %q; this step changed nothing more", p.Config.Halt, value).
			WithHint("set it to \"off\", then redrive this execution")
	}
	return nil
}

// looking is the closing role narrowed to reads, assumed when it is first used.
func (p *pass) looking(ctx context.Context) (aws.Config, error) {
	if p.eyes == nil {
		cfg, err := p.AWS.Target(ctx, Access{Account: p.plan.AccountID, Role: RoleClose, Policy: ReadPolicy()})
		if err != nil {
			return aws.Config{}, err
		}
		p.eyes = &cfg
	}
	return *p.eyes, nil
}

// arn names a resource of the target.
func (p *pass) arn(service, region, resource string) string {
	return "arn:" + p.Config.partition() + ":" + service + ":" + region + ":" + p.plan.AccountID + ":" + resource
}

// partition is that of the machine's ARN: a hub and its targets are in one partition.
func (c Config) partition() string {
	if parts := strings.Split(c.Machine, ":"); len(parts) > 1 {
		return parts[1]
	}
	return "aws"
}

// done and wait are what a pass returns: what it did, and what is left.
func (p *pass) done() (Result, error) { return p.in.done("", ListOf(p.made...)), nil }

func (p *pass) wait(ctx context.Context, first, longest, budget time.Duration, remaining ...string) (Result, error) {
	left := ListOf(remaining...)
	if err := p.in.overdue(clock.Now(ctx), budget, left); err != nil {
		return Result{}, err
	}
	return p.in.waiting(first, longest, left, ListOf(p.made...)), nil
}
