package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
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
	"quicksight-unsubscribe/internal/step"
)

const (
	machine = "arn:aws:states:us-east-1:111122223333:stateMachine:quicksight-unsubscribe"
	run     = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:run-1"
	folder  = "closings/222233334444/20260302T090000Z-run-1/"
	user    = "arn:aws:iam::111122223333:user/"
	role    = "arn:aws:sts::111122223333:assumed-role/"
	sso     = role + "AWSReservedSSO_Ops_0123456789abcdef/"
)

// material is what the run asks about.
var material = closing.Material{AccountID: "222233334444", IdentityRegion: "us-east-1", Subscription: &closing.Subscription{AccountName: "acme"}}

var planDigest = material.Digest()

// people are who may sign, by name.
var people = map[string]string{
	"ann": user + "ann", "bob": user + "bob", "sam": user + "sam",
	"sso-ann": sso + "ann@example.com", "sso-sam": sso + "sam@example.com",
	"sso-sam-admin": role + "AWSReservedSSO_Admin_fedcba9876543210/sam@example.com",
	"pipeline-1":    role + "pipeline/one", "pipeline-2": role + "pipeline/two",
	"stranger": "arn:aws:iam::999999999999:user/ann", "false-ann": "arn:aws:sts::999999999999:assumed-role/AWSReservedSSO_Ops_0123456789abcdef/ann@example.com",
}

// lab is a run that waits for decisions.
type lab struct {
	t    *testing.T
	aws  *emulator.AWS
	env  step.Env
	now  time.Time
	ask  closing.Ask
	rung int
	ring error // what Step Functions answers to a ring
	// meanwhile happens once, after everything was read for a decision and before that is written.
	meanwhile func()
}

// RoundTrip brings calls to the emulator.
func (l *lab) RoundTrip(r *http.Request) (*http.Response, error) {
	if now := l.meanwhile; now != nil && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/decisions/") {
		l.meanwhile = nil
		now()
	}
	return l.aws.RoundTrip(r)
}

func newLab(t *testing.T, change func(*closing.Ask), faults ...emulator.Fault) *lab {
	t.Helper()
	home, abroad := []string{`{"accessKeyId": "AKIAHUB", "arn": "arn:aws:iam::111122223333:user/hub"}`}, []string{}
	for name, arn := range people {
		key := fmt.Sprintf(`{"accessKeyId": "AKIA%s", "arn": %q}`, name, arn)
		if strings.Contains(arn, "999999999999") {
			abroad = append(abroad, key)
		} else {
			home = append(home, key)
		}
	}
	roles := `"roles": {"pipeline": {}, "AWSReservedSSO_Ops_0123456789abcdef": {"path": "/aws-reserved/sso.amazonaws.com/"}, "AWSReservedSSO_Admin_fedcba9876543210": {"path": "/aws-reserved/sso.amazonaws.com/eu-west-1/"}}`
	world, err := emulator.ParseWorld(fmt.Appendf(nil, `{"now": "2026-03-02T09:00:00Z", "hub": "111122223333", "accounts": {
		"111122223333": {"principals": [%s], "users": {"hub": {}, "ann": {}, "bob": {}, "sam": {}}, %s, "buckets": {"record": {}}},
		"999999999999": {"principals": [%s], "users": {"ann": {}}, %s}}}`, strings.Join(home, ","), roles, strings.Join(abroad, ","), roles))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, now: world.Now}
	l.aws, err = emulator.New(emulator.Options{World: world, Machines: l, Faults: faults, Now: func() time.Time { return l.now }})
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	l.env = step.Env{Config: step.Defaults(), AWS: l, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	l.env.Config.Account, l.env.Config.Region, l.env.Config.Machine = "111122223333", "us-east-1", machine
	l.env.Record = record.New(s3.NewFromConfig(l.Hub()), "record", func(context.Context) string { writes++; return strconv.Itoa(writes) })
	l.ask = closing.Ask{Execution: run, Round: 1, Digest: planDigest, AskedAt: l.now, Deadline: l.now.Add(24 * time.Hour), Quorum: 1, People: closing.People{Home: "111122223333"}, Starter: user + "sam"}
	change(&l.ask)
	if _, err := l.folder().PutPlan(l.ctx(), record.PlanName(l.ask.Round), closing.Plan{Round: l.ask.Round, Material: material}); err != nil {
		t.Fatal(err)
	}
	if err := l.folder().PutRequest(l.ctx(), closing.Request{AccountID: material.AccountID, Reason: "retired"}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.folder().PutAsk(l.ctx(), l.ask); err != nil {
		t.Fatal(err)
	}
	if err := l.folder().PutToken(l.ctx(), record.Token{Round: l.ask.Round, Digest: l.ask.Digest, State: "Request Approval", Token: "secret-token"}); err != nil {
		t.Fatal(err)
	}
	return l
}

func plain(*closing.Ask) {}

// named are approvers who are what they decide by.
func named(persons ...string) []closing.Approver {
	var all []closing.Approver
	for _, person := range persons {
		all = append(all, closing.Approver{Person: person, Email: "x@example.com"})
	}
	return all
}

// withPipeline also lets a role decide, which nobody may who is not named.
func withPipeline(a *closing.Ask) {
	a.Approvers = named(user+"ann", user+"bob", "ann@example.com", "arn:aws:iam::111122223333:role/pipeline")
}

func (l *lab) ctx() context.Context   { return clock.Virtual(l.t.Context(), l.now, time.Minute) }
func (l *lab) folder() *record.Folder { return l.env.Record.Folder(folder, run) }

// on is a decision on what is asked.
func (l *lab) on(verdict closing.Verdict) Decision {
	return Decision{Closing: folder, Execution: run, Round: l.ask.Round, Digest: l.ask.Digest, Verdict: verdict, Name: "acme", Reason: "because"}
}

// prove signs a decision as a person does.
func (l *lab) prove(name string, d Decision) Event {
	l.t.Helper()
	identity, err := Prove(l.ctx(), aws.Credentials{AccessKeyID: "AKIA" + name, SecretAccessKey: emulator.DefaultSecret}, "us-east-1", l.now, d)
	if err != nil {
		l.t.Fatal(err)
	}
	return Event{Decision: d, Identity: identity}
}

// decide signs a decision and sends it through JSON, as Lambda would get it.
func (l *lab) decide(name string, d Decision) (Answer, error) {
	l.t.Helper()
	return l.send(l.prove(name, d))
}

func (l *lab) send(e Event) (Answer, error) {
	l.t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		l.t.Fatal(err)
	}
	var sent Event
	if err := json.Unmarshal(text, &sent); err != nil {
		l.t.Fatal(err)
	}
	return Decide(l.env)(l.ctx(), sent)
}

// written are the keys below the closing folder that hold decisions or a seal.
func (l *lab) written() []string {
	var keys []string
	for key := range l.aws.World().Accounts["111122223333"].Buckets["record"].Objects {
		if strings.HasPrefix(key, folder+"decisions/") || key == folder+"seal.json" {
			keys = append(keys, key)
		}
	}
	return keys
}

// refused fails the test where a decision counted, changed anything, or was refused in other words.
func (l *lab) refused(err error, says string) {
	l.t.Helper()
	if closing.CodeOf(err) != closing.NotDecided || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "nothing was decided or changed") {
		l.t.Errorf("got %v, want NotDecided that says %q and that nothing was changed", err, says)
	}
}

func (l *lab) Hub() aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: l}, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIAHUB", emulator.DefaultSecret, ""),
	}
}

func (l *lab) Target(context.Context, step.Access) (aws.Config, error) {
	l.t.Error("deciding touches the target")
	return aws.Config{}, nil
}

func (l *lab) SendTaskSuccess(token, output string) error {
	if token != "secret-token" || strings.Contains(output, token) {
		l.t.Errorf("rung %q with %s", token, output)
	}
	l.rung++
	return l.ring
}
func (l *lab) DescribeExecution(string) (emulator.Execution, bool) {
	return emulator.Execution{}, false
}
func (l *lab) SendTaskFailure(string, string, string) error            { return nil }
func (l *lab) SendTaskHeartbeat(string) error                          { return nil }
func (l *lab) StopExecution(string, string, string) (time.Time, error) { return l.now, nil }
func (l *lab) RedriveExecution(string) (time.Time, error)              { return l.now, nil }
func (l *lab) StartExecution(string, string, string) (string, time.Time, error) {
	return run, l.now, nil
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, person string
	}{
		{"ann", user + "ann"},
		{"sso-ann", "ann@example.com"},
		{"pipeline-1", "arn:aws:iam::111122223333:role/pipeline"},
	} {
		for _, verdict := range []closing.Verdict{closing.Approve, closing.Reject} {
			t.Run(tt.name+" "+string(verdict), func(t *testing.T) {
				t.Parallel()
				l := newLab(t, withPipeline)
				answer, err := l.decide(tt.name, l.on(verdict))
				if err != nil {
					t.Fatal(err)
				}
				if answer.Person != tt.person || answer.Verdict != verdict || !answer.At.Equal(l.now) || answer.Already || !answer.Woken || l.rung != 1 {
					t.Errorf("got %+v after %d rings", answer, l.rung)
				}
				decisions, err := l.folder().Decisions(l.ctx(), 1, planDigest)
				want := []closing.Decision{{
					Execution: run, Round: 1, Digest: planDigest, Verdict: verdict, Person: tt.person, Principal: people[tt.name], At: l.now, Reason: "because",
				}}
				if diff := cmp.Diff(want, decisions); err != nil || diff != "" {
					t.Errorf("%v, %s", err, diff)
				}
			})
		}
	}
}

func TestQuorum(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(a *closing.Ask) { withPipeline(a); a.Quorum = 2 })
	for i, tt := range []struct {
		name      string
		approvals int
		rung      int
		already   bool
	}{
		{"pipeline-1", 1, 0, false},
		{"pipeline-2", 1, 0, true}, // the same role is the same person
		{"ann", 2, 1, false},
		{"ann", 2, 2, true}, // again: rings again, in case the first ring was lost
		{"bob", 2, 3, true}, // there are enough
	} {
		l.now = l.now.Add(time.Minute)
		answer, err := l.decide(tt.name, l.on(closing.Approve))
		if err != nil || answer.Approvals != tt.approvals || answer.Quorum != 2 || answer.Already != tt.already || l.rung != tt.rung {
			t.Errorf("%d, %s: got %+v, %v after %d rings", i, tt.name, answer, err, l.rung)
		}
	}
	if n := len(l.written()); n != 2 {
		t.Errorf("%d decisions are on record, want 2", n)
	}
	_, err := l.decide("ann", l.on(closing.Reject))
	l.refused(err, "has decided already: approve")
	if answer, err := l.decide("bob", l.on(closing.Reject)); err != nil || answer.Already {
		t.Errorf("a second approver may still reject: got %+v, %v", answer, err)
	}
	_, err = l.decide("sso-ann", l.on(closing.Approve))
	l.refused(err, user+"bob has decided already: reject")
	if answer, err := l.decide("ann", l.on(closing.Approve)); err != nil || !answer.Already || !strings.Contains(answer.Message, "rejected by "+user+"bob") {
		t.Errorf("who approved before hears that it is rejected: got %+v, %v", answer, err)
	}
}

// Ensure that who may not decide, or decides on what is not asked, hears why, and changes nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	at := func(change func(*Decision)) func(*lab) Decision {
		return func(l *lab) Decision { d := l.on(closing.Approve); change(&d); return d }
	}
	asAsked := at(func(*Decision) {})
	for _, tt := range []struct {
		name string
		ask  func(*closing.Ask)
		who  string
		what func(*lab) Decision
		says string
	}{
		{"the starter", plain, "sam", asAsked, "started the run"},
		{"the starter, rejecting", plain, "sam", at(func(d *Decision) { d.Verdict = closing.Reject }), "started the run"},
		{"the starter, in Identity Center", func(a *closing.Ask) { a.Starter = "sam@example.com" }, "sso-sam", asAsked, "started the run"},
		{"the starter, by another permission set", func(a *closing.Ask) { a.Starter = "sam@example.com" }, "sso-sam-admin", asAsked, "started the run"},
		{"the starter, as another session of the role", func(a *closing.Ask) { a.Starter = "arn:aws:iam::111122223333:role/pipeline" }, "pipeline-2", asAsked, "started the run"},
		{"not an approver", func(a *closing.Ask) { a.Approvers = named(user + "bob") }, "ann", asAsked, "not one of the approvers"},
		{"another account's user", plain, "stranger", asAsked, "not one of the approvers"},
		{"another account's false Identity Center", func(a *closing.Ask) { a.Approvers = named("ann@example.com") }, "false-ann", asAsked, "not one of the approvers"},
		{"superseded", func(a *closing.Ask) { a.Round = 2 }, "ann", at(func(d *Decision) { d.Round = 1 }), "round 1 is superseded"},
		{"not open yet", plain, "ann", at(func(d *Decision) { d.Round = 2 }), "round 2 is not open"},
		{"another plan", plain, "ann", at(func(d *Decision) { d.Digest = "sha256:" + strings.Repeat("2", 64) }), "is not the one that is asked about"},
		{"another machine's execution", plain, "ann", at(func(d *Decision) { d.Execution = strings.Replace(run, "quicksight-unsubscribe", "other", 1) }), "not an execution of"},
		{"another run", plain, "ann", at(func(d *Decision) { d.Closing = "closings/222233334444/20260302T090000Z-run-9/" }), "nobody has been asked"},
		{"a folder outside", plain, "ann", at(func(d *Decision) { d.Closing = "closings/222233334444/../x/" }), "not the prefix of a closing"},
		{"no such round", plain, "ann", at(func(d *Decision) { d.Round = 0 }), "no round 0"},
		{"no digest", plain, "ann", at(func(d *Decision) { d.Digest = "" }), "not the digest"},
		{"no verdict", plain, "ann", at(func(d *Decision) { d.Verdict = "yes" }), "neither approve, reject nor cancel"},
		{"a long reason", plain, "ann", at(func(d *Decision) { d.Reason = strings.Repeat("x", MaxReason+1) }), "the reason has"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tt.ask)
			_, err := l.decide(tt.who, tt.what(l))
			l.refused(err, tt.says)
			if len(l.written()) != 0 || l.rung != 0 {
				t.Errorf("%v were written, %d rung", l.written(), l.rung)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	l := newLab(t, plain)
	l.now = l.ask.Deadline.Add(-time.Second)
	if _, err := l.decide("ann", l.on(closing.Approve)); err != nil {
		t.Fatal(err)
	}
	late := newLab(t, plain)
	late.now = late.ask.Deadline
	_, err := late.decide("ann", late.on(closing.Approve))
	late.refused(err, "expired at 2026-03-03T09:00:00Z")
	if len(late.written()) != 0 {
		t.Errorf("%v were written", late.written())
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"ann", "sam"} { // the starter, too
		l := newLab(t, plain)
		if _, err := l.decide("bob", l.on(closing.Approve)); err != nil {
			t.Fatal(err)
		}
		l.now = l.ask.Deadline.Add(time.Hour) // cooling off
		answer, err := l.decide(who, l.on(closing.Cancel))
		if err != nil || answer.Already || answer.Person != user+who || !answer.Woken {
			t.Errorf("got %+v, %v", answer, err)
		}
		l.now = l.now.Add(time.Minute)
		if again, err := l.decide("bob", l.on(closing.Cancel)); err != nil || !again.Already || again.Person != user+who || !again.At.Equal(answer.At) {
			t.Errorf("cancelled twice: got %+v, %v", again, err)
		}
		_, err = l.decide("bob", l.on(closing.Approve))
		l.refused(err, "was cancelled by "+user+who)
	}
	l := newLab(t, func(a *closing.Ask) { a.Approvers = named(user + "bob") })
	_, err := l.decide("ann", l.on(closing.Cancel))
	l.refused(err, "neither an approver nor the starter")
	if len(l.written()) != 0 {
		t.Errorf("%v were written", l.written())
	}
}

func TestTooLate(t *testing.T) {
	t.Parallel()
	for _, verdict := range []closing.Verdict{closing.Approve, closing.Reject, closing.Cancel} {
		l := newLab(t, plain)
		if _, err := l.folder().PutSeal(l.ctx(), closing.Seal{Round: 1, Digest: planDigest, Kind: closing.SealCommit, At: l.now}); err != nil {
			t.Fatal(err)
		}
		_, err := l.decide("ann", l.on(verdict))
		l.refused(err, "too late")
		if len(l.written()) != 1 || l.rung != 0 {
			t.Errorf("%s: %v are on record, %d rung", verdict, l.written(), l.rung)
		}
	}
}

// Ensure that a decision is on record whatever becomes of the doorbell.
func TestRing(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"InvalidOutput", "InvalidToken", "TaskDoesNotExist", "TaskTimedOut", "KmsAccessDeniedException", "KmsInvalidStateException", "KmsThrottlingException",
	} {
		l := newLab(t, plain)
		l.ring = &emulator.APIError{Code: code, Message: "no", Status: http.StatusBadRequest}
		answer, err := l.decide("ann", l.on(closing.Approve))
		if err != nil || answer.Woken || len(l.written()) != 1 {
			t.Errorf("%s: got %+v, %v with %v on record", code, answer, err, l.written())
		}
	}
}

// Ensure that a proof serves one decision, at STS, for five minutes, and that nothing else is taken for one.
func TestForgedProofs(t *testing.T) {
	t.Parallel()
	rewrite := func(change func(*url.URL, url.Values)) func(*lab, *Event) {
		return func(l *lab, e *Event) {
			u, err := url.Parse(e.Identity.URL)
			if err != nil {
				l.t.Fatal(err)
			}
			q := u.Query()
			change(u, q)
			u.RawQuery = q.Encode()
			e.Identity.URL = u.String()
		}
	}
	set := func(name, value string) func(*lab, *Event) {
		return rewrite(func(_ *url.URL, q url.Values) { q.Set(name, value) })
	}
	for _, tt := range []struct {
		name  string
		forge func(*lab, *Event)
		says  string
	}{
		{"for another verdict", func(l *lab, e *Event) { e.Identity = l.prove("ann", l.on(closing.Reject)).Identity }, "made for another decision"},
		{"for another round", func(l *lab, e *Event) { d := e.Decision; d.Round = 2; e.Identity = l.prove("ann", d).Identity }, "made for another decision"},
		{"for another plan", func(l *lab, e *Event) { d := e.Decision; d.Digest = "x"; e.Identity = l.prove("ann", d).Identity }, "made for another decision"},
		{"for another closing", func(l *lab, e *Event) { d := e.Decision; d.Closing = "x"; e.Identity = l.prove("ann", d).Identity }, "made for another decision"},
		{"for another verdict, with this one's headers", func(l *lab, e *Event) {
			headers := e.Identity.Headers
			e.Identity = l.prove("ann", l.on(closing.Reject)).Identity
			e.Identity.Headers = headers
		}, "SignatureDoesNotMatch"},
		{"of nobody", func(l *lab, e *Event) { e.Identity = l.prove("nobody", e.Decision).Identity }, "STS does not confirm"},
		{"tampered", set("X-Amz-Signature", strings.Repeat("0", 64)), "SignatureDoesNotMatch"},
		{"of somebody else's key", rewrite(func(_ *url.URL, q url.Values) {
			q.Set("X-Amz-Credential", strings.Replace(q.Get("X-Amz-Credential"), "AKIAann", "AKIAbob", 1))
			q.Set("X-Amz-Security-Token", "x")
		}), "STS does not confirm"},
		{"another action", set("Action", "GetSessionToken"), "does not call GetCallerIdentity"},
		{"another version", set("Version", "2012-01-01"), "does not call GetCallerIdentity"},
		{"two actions", rewrite(func(_ *url.URL, q url.Values) { q.Add("Action", "AssumeRole") }), "has it twice"},
		{"another parameter", set("RoleArn", "x"), `the parameter "RoleArn"`},
		{"without the decision among what is signed", set("X-Amz-SignedHeaders", "host"), "does not sign verdict"},
		{"a long expiry", set("X-Amz-Expires", "3600"), "does not expire within"},
		{"an expiry that is none", set("X-Amz-Expires", "-1"), "does not expire within"},
		{"undated", set("X-Amz-Date", "today"), "is not dated"},
		{"another host", rewrite(func(u *url.URL, _ url.Values) { u.Host = "sts.us-east-1.amazonaws.com.evil.example" }), "not for https://sts.us-east-1.amazonaws.com/"},
		{"another port", rewrite(func(u *url.URL, _ url.Values) { u.Host += ":8443" }), "not for https"},
		{"another region's host", rewrite(func(u *url.URL, _ url.Values) { u.Host = "sts.eu-west-1.amazonaws.com" }), "sign it for STS in the hub's region"},
		{"with a user", rewrite(func(u *url.URL, _ url.Values) { u.User = url.User("sts.us-east-1.amazonaws.com") }), "not for https"},
		{"in clear", rewrite(func(u *url.URL, _ url.Values) { u.Scheme = "http" }), "not for https"},
		{"another path", rewrite(func(u *url.URL, _ url.Values) { u.Path = "/x" }), "not for https"},
		{"no URL", func(_ *lab, e *Event) { e.Identity.URL = "https://%zz" }, "not a URL"},
		{"a malformed query", func(_ *lab, e *Event) { e.Identity.URL += "&%zz" }, "malformed query"},
		{"nothing", func(_ *lab, e *Event) { e.Identity = Identity{} }, "not for https"},
		{"another header", func(_ *lab, e *Event) { e.Identity.Headers["authorization"] = "x" }, "made for another decision"},
		{"stale", func(l *lab, _ *Event) { l.now = l.now.Add(MaxAge + time.Second) }, "a proof holds for"},
		{"from the future", func(l *lab, _ *Event) { l.now = l.now.Add(-2 * time.Minute) }, "look at your clock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, plain)
			e := l.prove("ann", l.on(closing.Approve))
			tt.forge(l, &e)
			_, err := l.send(e)
			l.refused(err, tt.says)
			if len(l.written()) != 0 || l.rung != 0 {
				t.Errorf("%v were written, %d rung", l.written(), l.rung)
			}
		})
	}
	l := newLab(t, plain)
	e := l.prove("ann", l.on(closing.Approve))
	l.now = l.now.Add(MaxAge)
	if _, err := l.send(e); err != nil {
		t.Errorf("a proof of five minutes: %v", err)
	}
}

func TestEventIsStrict(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"digset": "x"}`, `{"identity": {"arn": "x"}}`, `{"person": "ann"}`, `{"round": "1"}`, `[]`} {
		if err := json.Unmarshal([]byte(text), new(Event)); err == nil {
			t.Errorf("%s is taken for an event", text)
		}
	}
}

// Ensure that whatever stands in for STS on the way gets no further request, and that an answer that is not STS's names nobody.
func TestAnswersOfSTS(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, answer := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"not XML": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"Arn": "arn:aws:iam::111122223333:user/ann"}`)
		},
		"another XML": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `<Arn>arn:aws:iam::111122223333:user/ann</Arn>`)
		},
		"nobody":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<GetCallerIdentityResponse/>`) },
		"broken":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"disconnected": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(answer)
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
			server.Start()
			t.Cleanup(server.Close)
			l := newLab(t, plain)
			e := l.prove("ann", l.on(closing.Approve))
			cfg := l.Hub()
			cfg.HTTPClient = &http.Client{Transport: standIn(server.Listener.Addr().String())}
			if arn, err := e.principal(l.ctx(), cfg, "111122223333"); err == nil {
				t.Errorf("it names %q", arn)
			} else {
				l.refused(err, "STS")
			}
		})
	}
}

// standIn sends requests for STS to another address, and leaves others alone.
type standIn string

func (s standIn) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == host("us-east-1") {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = "http", string(s)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestHost(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"us-east-1": "sts.us-east-1.amazonaws.com", "us-gov-west-1": "sts.us-gov-west-1.amazonaws.com", "cn-north-1": "sts.cn-north-1.amazonaws.com.cn",
	} {
		if got := host(region); got != want {
			t.Errorf("host(%q) = %q, want %q", region, got, want)
		}
	}
}

// Ensure that the page says of every kind whether it is saved first.
func TestPageSaysWhatIsSaved(t *testing.T) {
	t.Parallel()
	pages := Canned()
	for page, parts := range map[string][]string{
		"open":          {"As asset bundles, which can be imported again: analysis, dashboard, dataset, datasource", "every user: QuickSight gives nothing to save"},
		"nothing-saved": {"<h2>What is saved first</h2><ul>\n<li>Nothing</li>", "Everything, because: everything is in version control", "every topic in eu-west-1: it cannot be read"},
	} {
		for _, part := range parts {
			if !strings.Contains(pages[page], part) {
				t.Errorf("%s does not say %q", page, part)
			}
		}
	}
}

// Ensure that the page of a fleet shows its totals, what is unusually large, what is left alone, and a box to strike out each account that is open.
func TestPageOfFleet(t *testing.T) {
	t.Parallel()
	page := Canned()["fleet"]
	for _, part := range []string{
		"Close Amazon QuickSight in 3 AWS accounts?", "<tr><td>3</td><td>244</td><td>1916</td><td>1</td><td>1</td></tr>",
		"<h2>Unusually large</h2><ul>\n<li>account 222233334402: 240 users, 1900 assets</li>\n</ul>",
		"<h2>Not in it, and left alone: 1 accounts</h2><ul>\n<li>222233334404: Closing.TargetUnreachable",
		`name="struck" value="222233334401" form="approve"`, `name="struck" value="222233334402" form="approve"`, `name="struck" value="222233334403" form="approve"`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("it does not say %q", part)
		}
	}
	if strings.Contains(page, "acme-") {
		t.Error("it shows what an approver has to type")
	}
	if page := Canned()["fleet-one-of-two"]; !strings.Contains(page, "<td>by arn:aws:iam::111122223333:user/alice</td>") || strings.Contains(page, `name="struck" value="222233334402"`) {
		t.Error("what one has struck out the other is offered")
	}
}

// Ensure that two who decide at the same moment do not get in each other's way: both decisions stand, one rejection refuses, and of one
// person's two decisions the first that is written does.
func TestRacing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		quorum     int
		one, other string
		verdict    closing.Verdict // the other's
		says       string          // to the one, whose approval was under way
		written    int
	}{
		{"two approve", 1, "ann", "bob", closing.Approve, "2 of 1 approvals", 2},
		{"two approve of two", 2, "ann", "bob", closing.Approve, "2 of 2 approvals", 2},
		{"one rejects", 1, "ann", "bob", closing.Reject, "rejected", 2},
		{"a double click", 1, "ann", "ann", closing.Approve, "nothing was changed", 1},
		{"one person both ways", 1, "ann", "ann", closing.Reject, "has decided already: reject", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, func(a *closing.Ask) { a.Quorum = tt.quorum })
			l.meanwhile = func() {
				l.now = l.now.Add(time.Millisecond)
				if _, err := l.decide(tt.other, l.on(tt.verdict)); err != nil {
					t.Errorf("the other: %v", err)
				}
			}
			answer, err := l.decide(tt.one, l.on(closing.Approve))
			if said := fmt.Sprint(answer.Message, err); !strings.Contains(said, tt.says) || len(l.written()) != tt.written {
				t.Errorf("the one hears %q, with %v on record", said, l.written())
			}
			decisions, err := l.folder().Decisions(l.ctx(), 1, planDigest)
			want := closing.StandingApproved
			if tt.verdict == closing.Reject {
				want = closing.StandingRejected
			}
			if got := l.ask.Stands(decisions, l.now); err != nil || got != want {
				t.Errorf("the request is %s, %v, want %s", got, err, want)
			}
		})
	}
}
