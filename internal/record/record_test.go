package record_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

const (
	account = "222233334444"
	run1    = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:run-1"
	run2    = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:run-2"
	bucket  = "record"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// lab is a record in the emulator's S3.
type lab struct {
	t      *testing.T
	aws    *emulator.AWS
	client *s3.Client
	store  *record.Store
}

func newLab(t *testing.T, faults ...emulator.Fault) *lab {
	t.Helper()
	world, err := emulator.ParseWorld([]byte(`{"now": "2026-03-02T09:00:00Z", "hub": "111122223333", "accounts": {"111122223333": {
		"principals": [{"accessKeyId": "AKIAHUB", "arn": "arn:aws:iam::111122223333:user/hub"}], "users": {"hub": {}}, "buckets": {"record": {}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t}
	if l.aws, err = emulator.New(emulator.Options{World: world, Faults: faults, PageSize: 2}); err != nil {
		t.Fatal(err)
	}
	l.client = s3.NewFromConfig(aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: l.aws}, Credentials: credentials.NewStaticCredentialsProvider("AKIAHUB", emulator.DefaultSecret, ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	})
	l.store = l.writer("lab")
	t.Cleanup(func() {
		if unused := l.aws.UnusedFaults(); len(unused) > 0 {
			t.Errorf("faults that never fired: %v", unused)
		}
	})
	return l
}

// writer is the record in the hands of one writer, whose nonces nobody else makes.
func (l *lab) writer(name string) *record.Store {
	n := 0
	return record.New(l.client, bucket, func(context.Context) string { n++; return fmt.Sprintf("%s/%d", name, n) })
}

// retrying is the same with a client that retries what it does not get an answer to.
func (l *lab) retrying(name string) *record.Store {
	client := s3.New(l.client.Options(), func(o *s3.Options) {
		o.Retryer = noDelay{}
	})
	return record.New(client, bucket, func(context.Context) string { return name })
}

// noDelay tries three times at once.
type noDelay struct{ aws.NopRetryer }

func (noDelay) IsErrorRetryable(err error) bool {
	return !strings.Contains(err.Error(), "PreconditionFailed")
}
func (noDelay) MaxAttempts() int                             { return 3 }
func (noDelay) RetryDelay(int, error) (time.Duration, error) { return 0, nil }
func (noDelay) GetRetryToken(context.Context, error) (func(error) error, error) {
	return func(error) error { return nil }, nil
}

func (l *lab) ctx() context.Context { return clock.Virtual(l.t.Context(), start, time.Minute) }

func (l *lab) folder(store *record.Store, execution string) *record.Folder {
	return store.Folder(record.Prefix(account, "run", start), execution)
}

// overwrite puts an object as somebody would who may write the bucket and knows how objects look.
func (l *lab) overwrite(key string, content any) {
	l.t.Helper()
	body, err := json.Marshal(map[string]any{"nonce": "forged", "content": content})
	if err != nil {
		l.t.Fatal(err)
	}
	l.put(key, string(body))
}

func (l *lab) put(key, body string) {
	l.t.Helper()
	_, err := l.client.PutObject(l.ctx(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		l.t.Fatal(err)
	}
}

func puts(fault emulator.Fault) emulator.Fault {
	fault.Match = emulator.Match{Service: "s3", Operation: "PutObject"}
	return fault
}

func seal(kind closing.SealKind) closing.Seal {
	return closing.Seal{Round: 1, Digest: "sha256:1", Kind: kind, At: start}
}

// Ensure that the first of two writers wins, and that both learn so.
func TestFirstWriterWins(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	first, err := l.folder(l.writer("a"), run1).PutSeal(l.ctx(), seal(closing.SealCancel))
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.folder(l.writer("b"), run1).PutSeal(l.ctx(), seal(closing.SealCommit))
	if err != nil {
		t.Fatal(err)
	}
	if first.Kind != closing.SealCancel || second.Kind != closing.SealCancel {
		t.Errorf("got %s and %s, want the first writer's twice", first.Kind, second.Kind)
	}
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	f := record.InMemory().Folder("closings/", run1)
	for range 2 {
		if standing, err := f.PutSeal(t.Context(), seal(closing.SealCancel)); err != nil || standing.Kind != closing.SealCancel {
			t.Fatalf("got %+v, %v", standing, err)
		}
	}
	if standing, err := f.PutSeal(t.Context(), seal(closing.SealCommit)); err != nil || standing.Kind != closing.SealCancel {
		t.Errorf("got %+v, %v, want the first writer's", standing, err)
	}
}

// Ensure that a writer whose answer was lost, and who meets his own object when he tries again, knows his own hand.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	l := newLab(t, puts(emulator.Fault{Lost: true, AfterEffect: true}))
	got, err := l.folder(l.retrying("a"), run1).PutSeal(l.ctx(), seal(closing.SealCommit))
	if err != nil || got.Kind != closing.SealCommit {
		t.Errorf("got %+v, %v, want the own seal", got, err)
	}
	if n := len(l.aws.Journal()); n != 3 {
		t.Errorf("%d calls, want the lost one, the retry and the look", n)
	}
}

// Ensure that a lost answer is not taken for a win where somebody else was faster.
func TestLostAnswerOfALoser(t *testing.T) {
	t.Parallel()
	l := newLab(t, puts(emulator.Fault{Nth: 2, Lost: true}))
	if _, err := l.folder(l.writer("b"), run1).PutSeal(l.ctx(), seal(closing.SealCancel)); err != nil {
		t.Fatal(err)
	}
	got, err := l.folder(l.retrying("a"), run1).PutSeal(l.ctx(), seal(closing.SealCommit))
	if err != nil || got.Kind != closing.SealCancel {
		t.Errorf("got %+v, %v, want the other's seal", got, err)
	}
}

// Ensure that 409, which S3 answers while another conditional write is under way, is tried again on the invocation's clock.
func TestConflict(t *testing.T) {
	t.Parallel()
	conflict := &emulator.APIError{Code: "ConditionalRequestConflict", Status: http.StatusConflict}
	l := newLab(t, puts(emulator.Fault{Error: conflict, Times: 2}))
	ctx := l.ctx()
	if _, err := l.folder(l.store, run1).PutSeal(ctx, seal(closing.SealCommit)); err != nil {
		t.Fatal(err)
	}
	if clock.Elapsed(ctx) != 600*time.Millisecond {
		t.Errorf("it took %s, want the pauses of two attempts", clock.Elapsed(ctx))
	}

	stubborn := newLab(t, puts(emulator.Fault{Error: conflict, Times: -1}))
	if _, err := stubborn.folder(stubborn.store, run1).PutSeal(stubborn.ctx(), seal(closing.SealCommit)); err == nil {
		t.Error("a conflict that does not end is no error")
	}
}

// Ensure that an object decides nothing in a run, a round or a plan that it does not name.
func TestObjectsNameWhatTheyAreOf(t *testing.T) {
	t.Parallel()
	m := closing.Material{AccountID: account}
	plan := closing.Plan{Execution: run1, Round: 1, Material: m, Digest: m.Digest()}
	ask := closing.Ask{Execution: run1, Round: 1, Digest: "sha256:1"}
	decision := closing.Decision{Execution: run1, Round: 1, Digest: "sha256:1", Person: "ann", Verdict: closing.Approve}
	for _, tt := range []struct {
		name    string
		object  string
		content any
		read    func(context.Context, *record.Folder) error
	}{
		{"plan of another execution", "plan-1.json", func() any { p := plan; p.Execution = run2; return p }(), readPlan},
		{"plan of another round", "plan-1.json", func() any { p := plan; p.Round = 2; return p }(), readPlan},
		{"plan with another digest", "plan-1.json", func() any { p := plan; p.Material.AccountID = "999999999999"; return p }(), readPlan},
		{"ask of another execution", "ask-1.json", func() any { a := ask; a.Execution = run2; return a }(), readAsk},
		{"ask of another round", "ask-1.json", func() any { a := ask; a.Round = 2; return a }(), readAsk},
		{"ask for another plan", "ask-1.json", func() any { a := ask; a.Digest = "sha256:2"; return a }(), readAsk},
		{"latest ask of another execution", "ask-2.json", func() any { a := ask; a.Round, a.Execution = 2, run2; return a }(), readLatestAsk},
		{"latest ask of another round", "ask-2.json", ask, readLatestAsk},
		{"decision of another execution", "decisions/1/ann.json", func() any { d := decision; d.Execution = run2; return d }(), readDecisions},
		{"decision of another round", "decisions/1/ann.json", func() any { d := decision; d.Round = 2; return d }(), readDecisions},
		{"decision on another plan", "decisions/1/ann.json", func() any { d := decision; d.Digest = "sha256:2"; return d }(), readDecisions},
		{"decision under another's name", "decisions/1/bob.json", decision, readDecisions},
		{"seal of another execution", "seal.json", closing.Seal{Execution: run2}, readSeal},
		{"commit of another execution", "commit.json", closing.Commit{Execution: run2}, readCommit},
		{"act of another execution", "acts/delete-vpc/x-intent.json", closing.Act{Execution: run2}, readActs},
		{"token of another execution", "token.json", record.Token{Execution: run2}, readToken},
		{"of another type", "seal.json", []string{"seal"}, readSeal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			f := l.folder(l.store, run1)
			l.overwrite(f.Key(tt.object), tt.content)
			if err := tt.read(l.ctx(), f); closing.CodeOf(err) != closing.RecordInvalid {
				t.Errorf("got %v, want RecordInvalid", err)
			}
		})
	}
	for _, body := range []string{``, `{}`, `null`, `{"execution": "x"}`, `{"nonce": "x", "content": 7}`} {
		l := newLab(t)
		f := l.folder(l.store, run1)
		l.put(f.Key("seal.json"), body)
		if _, err := f.Seal(l.ctx()); closing.CodeOf(err) != closing.RecordInvalid {
			t.Errorf("the body %q: got %v, want RecordInvalid", body, err)
		}
	}
}

func readPlan(ctx context.Context, f *record.Folder) error {
	_, err := f.Plan(ctx, record.PlanName(1), 1)
	return err
}

func readAsk(ctx context.Context, f *record.Folder) error {
	_, err := f.Ask(ctx, 1, "sha256:1")
	return err
}

func readLatestAsk(ctx context.Context, f *record.Folder) error {
	_, err := f.LatestAsk(ctx)
	return err
}

func readDecisions(ctx context.Context, f *record.Folder) error {
	_, err := f.Decisions(ctx, 1, "sha256:1")
	return err
}

func readSeal(ctx context.Context, f *record.Folder) error {
	_, err := f.Seal(ctx)
	return err
}

func readCommit(ctx context.Context, f *record.Folder) error {
	_, err := f.Commit(ctx)
	return err
}

func readActs(ctx context.Context, f *record.Folder) error {
	_, err := f.Acts(ctx)
	return err
}

func readToken(ctx context.Context, f *record.Folder) error {
	_, err := f.Token(ctx)
	return err
}

// Ensure that what is not there is ErrNotFound, which readers tell from what cannot be read.
func TestNotFound(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	f := l.folder(l.store, run1)
	for name, read := range map[string]func(context.Context, *record.Folder) error{
		"plan": readPlan, "ask": readAsk, "latest ask": readLatestAsk, "seal": readSeal, "commit": readCommit, "token": readToken,
	} {
		if err := read(l.ctx(), f); !errors.Is(err, record.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
	if err := readDecisions(l.ctx(), f); err != nil {
		t.Errorf("no decisions are no error, got %v", err)
	}

	denied := newLab(t, emulator.Fault{Match: emulator.Match{Operation: "GetObject"}, Error: &emulator.APIError{Code: "AccessDenied", Status: http.StatusForbidden}})
	if err := readSeal(denied.ctx(), denied.folder(denied.store, run1)); err == nil || errors.Is(err, record.ErrNotFound) {
		t.Errorf("an object that may not be read: got %v", err)
	}
}

// Ensure a run is found by its execution alone, and another execution of the same name and second is not taken for it.
func TestLocate(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	prefix := record.Prefix(account, "run-1", start)
	if err := l.store.Lock(l.ctx(), account, run1, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.store.Folder(prefix, run1).PutRequest(l.ctx(), closing.Request{AccountID: account}); err != nil {
		t.Fatal(err)
	}
	gotAccount, got, err := l.store.Locate(l.ctx(), run1, "run-1", start)
	if err != nil || gotAccount != account || got != prefix {
		t.Errorf("got %s, %s, %v", gotAccount, got, err)
	}
	if _, _, err := l.store.Locate(l.ctx(), run2, "run-1", start); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("another execution: got %v, want ErrNotFound", err)
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	l := newLab(t) // pages of two
	f := l.folder(l.store, run1)
	people := []string{"arn:aws:iam::111122223333:user/ann", "arn:aws:iam::111122223333:user/Ann", "arn:aws:iam::111122223333:user_2fann", "bob@example.com", "é"}
	for i, person := range people {
		d := closing.Decision{Round: 1, Digest: "sha256:1", Person: person, Verdict: closing.Approve, At: start.Add(time.Duration(i) * time.Minute)}
		if _, err := f.PutDecision(l.ctx(), d); err != nil {
			t.Fatal(err)
		}
		d.Verdict = closing.Reject
		if standing, err := f.PutDecision(l.ctx(), d); err != nil || standing.Verdict != closing.Approve {
			t.Errorf("%s decided twice: got %+v, %v, want the first", person, standing, err)
		}
	}
	decisions, err := f.Decisions(l.ctx(), 1, "sha256:1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range decisions {
		got = append(got, d.Person)
	}
	slices.Sort(got)
	slices.Sort(people)
	if diff := cmp.Diff(people, got); diff != "" {
		t.Error(diff)
	}
}

// Ensure that acts come back in the order in which they were intended, each with its outcome where it has one.
func TestActs(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	f := l.folder(l.store, run1)
	act := func(step, resource string, after time.Duration, seq int) closing.Act {
		return closing.Act{Execution: run1, Step: step, Operation: "ec2:DeleteSubnet", Resource: resource, Intended: start.Add(after), Seq: seq}
	}
	done := start.Add(time.Hour)
	first, second, third := act("delete-vpc", "subnet-9", 0, 1), act("delete-vpc", "subnet-1", 0, 2), act("delete-directory", "d-1", time.Minute, 1)
	finished := second
	finished.Done, finished.Outcome = &done, "done"
	for _, a := range []closing.Act{third, second, finished, first} {
		if err := f.PutAct(l.ctx(), a); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Acts(l.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]closing.Act{first, finished, third}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	f := l.folder(l.store, run1)
	if _, _, err := f.LastReport(l.ctx()); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	for n, outcome := range []closing.Outcome{closing.OutcomeFailed, closing.OutcomeClosed} {
		key, err := f.PutReport(l.ctx(), closing.Report{Execution: run1, Outcome: outcome})
		if want := f.Key(fmt.Sprintf("report-%d.json", n+1)); err != nil || key != want {
			t.Errorf("got the key %q, %v, want %q", key, err, want)
		}
	}
	last, key, err := f.LastReport(l.ctx())
	if err != nil || last.Outcome != closing.OutcomeClosed || key != f.Key("report-2.json") {
		t.Errorf("got %+v under %s, %v, want the second", last, key, err)
	}
	for _, want := range []bool{false, true, true} {
		if got, err := f.Announced(l.ctx(), key); err != nil || got != want {
			t.Errorf("announced: got %t, %v, want %t", got, err, want)
		}
		if err := f.PutAnnounced(l.ctx(), key); err != nil {
			t.Error(err)
		}
	}
	if got, err := f.Announced(l.ctx(), f.Key("report-1.json")); err != nil || got {
		t.Errorf("the first report was announced, too: %t, %v", got, err)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	running := map[string]bool{run1: true}
	ask := func(_ context.Context, execution string) (bool, error) { return running[execution], nil }
	l := newLab(t)
	lock := func(execution string) error { return l.store.Lock(l.ctx(), account, execution, ask) }
	holder := func() string {
		t.Helper()
		holder, err := l.store.Holder(l.ctx(), account)
		if err != nil {
			t.Fatal(err)
		}
		return holder
	}

	if err := lock(run1); err != nil || holder() != run1 {
		t.Fatalf("the first run: %v, held by %q", err, holder())
	}
	if err := lock(run1); err != nil {
		t.Errorf("the same run again: %v", err)
	}
	if err := lock(run2); closing.CodeOf(err) != closing.AlreadyRunning || !strings.Contains(err.Error(), run1) {
		t.Errorf("a second run: got %v, want AlreadyRunning that names the first", err)
	}
	running[run1] = false
	if err := lock(run2); err != nil || holder() != run2 {
		t.Errorf("taking over from a dead run: %v, held by %q", err, holder())
	}
	if err := l.store.Holds(l.ctx(), account, run1); closing.CodeOf(err) != closing.Superseded || !strings.Contains(err.Error(), run2) {
		t.Errorf("the dead run, redriven: got %v, want Superseded that names the second", err)
	}
	if err := l.store.Unlock(l.ctx(), account, run1); err != nil || holder() != run2 {
		t.Errorf("the dead run releases: %v, held by %q, want the second's untouched", err, holder())
	}
	if err := l.store.Unlock(l.ctx(), account, run2); err != nil || holder() != "" {
		t.Errorf("the second releases: %v, held by %q", err, holder())
	}
	if err := lock(run1); err != nil || holder() != run1 {
		t.Errorf("after a release: %v, held by %q", err, holder())
	}
}

// Ensure that of two runs that find the same dead holder one alone takes over.
func TestLockRace(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	dead := func(context.Context, string) (bool, error) { return false, nil }
	if err := l.store.Lock(l.ctx(), account, "dead", dead); err != nil {
		t.Fatal(err)
	}
	rival := l.writer("rival")
	asked := 0
	slow := func(ctx context.Context, execution string) (bool, error) {
		if asked++; asked == 1 { // between the look and the write
			return false, rival.Lock(ctx, account, run2, dead)
		}
		return execution == run2, nil
	}
	if err := l.store.Lock(l.ctx(), account, run1, slow); closing.CodeOf(err) != closing.AlreadyRunning {
		t.Errorf("got %v, want AlreadyRunning", err)
	}
	if holder, err := l.store.Holder(l.ctx(), account); err != nil || holder != run2 {
		t.Errorf("held by %q, %v, want the faster run", holder, err)
	}
}

// Ensure that a holder of whom nobody can say whether it runs keeps its lock.
func TestLockUnknownHolder(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	broken := errors.New("no answer")
	unknown := func(context.Context, string) (bool, error) { return false, broken }
	if err := l.store.Lock(l.ctx(), account, run1, unknown); err != nil {
		t.Fatal(err)
	}
	if err := l.store.Lock(l.ctx(), account, run2, unknown); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of asking", err)
	}
	if err := l.store.Holds(l.ctx(), account, run1); err != nil {
		t.Errorf("the first run no longer holds the lock: %v", err)
	}
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	got := record.Prefix(account, "run é/1", time.Date(2026, 3, 2, 10, 0, 0, 0, time.FixedZone("CET", 3600)))
	if want := "closings/222233334444/20260302T090000Z-run_20_c3_a9_2f1/"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
