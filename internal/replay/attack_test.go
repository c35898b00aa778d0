package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
)

// siege is a run that waits at its gate, and somebody before it.
type siege struct {
	*testing.T
	ctx    context.Context
	p      *player
	e      *Execution
	ask    closing.Ask
	plan   closing.Plan
	folder string
	logs   *bytes.Buffer
}

// attack is one way to get past the gate.
type attack struct {
	name    string
	setup   func(*Story)    // nil: as it is
	state   string          // where it comes; default "Request Approval"
	nth     int             // visit of that state; default 1
	after   time.Duration   // from there; default a minute
	do      func(*siege)    // what is tried
	outcome closing.Outcome // of a run that nobody else decides; default EXPIRED
	may     bool            // the run may commit, by what counts: only the invariants are held
}

// besiege runs the machine until the attack's moment, lets it happen, and runs on to the end.
func besiege(t *testing.T, a attack) *siege {
	t.Helper()
	story, err := Load(filepath.Join(events, "starter-approves"))
	if err != nil {
		t.Fatal(err)
	}
	story.StartedBy, story.Script, story.Config = "alice", nil, map[string]string{"APPROVAL_WINDOW": "24h"}
	hub := story.World.Accounts[story.World.Hub]
	for i, arn := range []string{
		"iam::111122223333:user/carol", "sts::111122223333:assumed-role/AWSReservedSSO_Ops_0123456789abcdef/sam@example.com",
		"sts::111122223333:assumed-role/AWSReservedSSO_Admin_fedcba9876543210/sam-admin", "sts::111122223333:assumed-role/ops/one",
		"sts::111122223333:assumed-role/ops/two", "sts::111122223333:assumed-role/AWSReservedSSO_Fake_00000000000000ff/bob2@example.com",
	} {
		hub.Principals = append(hub.Principals, emulator.Credential{AccessKeyID: "AKIAATTACK" + strconv.Itoa(i), ARN: "arn:aws:" + arn})
	}
	hub.Roles = map[string]*emulator.Role{"ops": {}}
	for _, set := range []string{"Ops_0123456789abcdef", "Admin_fedcba9876543210"} {
		hub.Roles["AWSReservedSSO_"+set] = &emulator.Role{Path: "/aws-reserved/sso.amazonaws.com/"}
	}
	if a.setup != nil {
		a.setup(story)
	}
	logs := &bytes.Buffer{}
	p, err := newPlayer(story, Options{Logs: logs})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	s := &siege{T: t, ctx: ctx, p: p, logs: logs}
	if err := p.start(ctx, "", story.Event, ""); err != nil {
		t.Fatal(err)
	}
	s.e = p.run.Executions[0]
	state, nth, after := or(a.state, "Request Approval"), max(a.nth, 1), a.after
	if after == 0 {
		after = time.Minute
	}
	attacked := false
	look := func() {
		p.observe()
		visits := 0
		for _, visited := range s.e.Path() {
			if visited == state {
				visits++
			}
		}
		if visits < nth || attacked {
			return
		}
		attacked = true
		p.schedule(p.now.Add(after), func(ctx context.Context, p *player) error {
			var err error
			if s.ask, s.folder, err = p.newestAsk(ctx, s.e); err == nil {
				s.plan, err = p.planOf(ctx, s.e, s.folder, s.ask)
			}
			if err == nil {
				a.do(s)
			}
			return err
		})
	}
	look()
	for at, due := p.next(); due; at, due = p.next() {
		p.now = at
		p.advance(ctx)
		look()
		if err := p.perform(ctx); err != nil {
			t.Fatal(err)
		}
		look()
	}
	if err := p.close(ctx); err != nil {
		t.Fatal(err)
	}
	if !attacked {
		t.Fatalf("%s was not entered %d times: %v", state, nth, s.e.Path())
	}
	s.repelled(a)
	return s
}

// repelled holds that nothing came of an attack.
func (s *siege) repelled(a attack) {
	s.Helper()
	for _, broken := range s.p.run.Invariants() {
		s.Error(broken)
	}
	want := a.outcome
	if want == "" {
		want = closing.OutcomeExpired
	}
	if a.may {
		return
	}
	if got := s.e.outcome(); got != want {
		s.Errorf("the run ended %s, want %s", got, want)
	}
	for _, call := range s.p.run.Calls {
		if call.Mutating && call.Done {
			s.Errorf("%s changed the account", operationOf(call))
		}
		if strings.HasSuffix(keyOf(call), "/commit.json") && call.Operation == "PutObject" && call.Done {
			s.Error("the run was committed")
		}
	}
}

func (s *siege) on(verdict closing.Verdict) approval.Decision {
	_, name := s.plan.Material.Challenge()
	d := approval.Decision{Closing: s.folder, Execution: s.e.ARN, Round: s.ask.Round, Digest: s.ask.Digest, Verdict: verdict, Reason: "because"}
	if verdict == closing.Approve {
		d.Name = name
	}
	return d
}

func (s *siege) prove(who string, d approval.Decision) approval.Event {
	s.Helper()
	identity, err := s.p.prove(s.ctx, who, d)
	if err != nil {
		s.Fatal(err)
	}
	return approval.Event{Decision: d, Identity: identity}
}

func (s *siege) knock(method, path string, header map[string]string, body string) approval.Response {
	s.Helper()
	answer, err := s.p.knock(s.ctx, s.e, method, path, header, body)
	if err != nil {
		s.Fatal(err)
	}
	return answer
}

// send sends an event as the command line does, and returns the refusal, "" where there is none.
func (s *siege) send(e approval.Event) string {
	s.Helper()
	body, err := json.Marshal(e)
	if err != nil {
		s.Fatal(err)
	}
	answer := s.knock(http.MethodPost, "/decisions", nil, string(body))
	if answer.StatusCode == http.StatusOK {
		return ""
	}
	var refusal approval.Refusal
	if err := json.Unmarshal([]byte(answer.Body), &refusal); err != nil {
		s.Fatalf("%d: %s", answer.StatusCode, answer.Body)
	}
	return refusal.Message
}

// refused fails the test where a decision counted, or was refused in other words.
func (s *siege) refused(e approval.Event, says string) {
	s.Helper()
	if got := s.send(e); !strings.Contains(got, says) || got == "" {
		s.Errorf("got the answer %q, want a refusal that says %q", got, says)
	}
}

// taken fails the test where a decision was refused.
func (s *siege) taken(e approval.Event) {
	s.Helper()
	if got := s.send(e); got != "" {
		s.Errorf("refused: %s", got)
	}
}

// form is a filled in form of the page.
func (s *siege) form(d approval.Decision) string {
	return url.Values{
		"round": {strconv.Itoa(d.Round)}, "digest": {d.Digest}, "verdict": {string(d.Verdict)}, "name": {d.Name}, "reason": {d.Reason},
	}.Encode()
}

// post submits a form, with a proof as the proxy adds it.
func (s *siege) post(e approval.Event, more map[string]string) approval.Response {
	s.Helper()
	header := map[string]string{"content-type": "application/x-www-form-urlencoded", strings.ToLower(approval.ProofHeader): e.Identity.URL}
	for name, value := range more {
		header[name] = value
	}
	return s.knock(http.MethodPost, "/"+s.folder, header, s.form(e.Decision))
}

// status fails the test where an answer has another status.
func (s *siege) status(r approval.Response, want int) {
	s.Helper()
	if r.StatusCode != want {
		s.Errorf("got the status %d, want %d: %s", r.StatusCode, want, r.Body)
	}
}

// aws is the configuration of somebody of the hub account.
func (s *siege) aws(who string) aws.Config {
	s.Helper()
	cfg, err := s.p.credentialsOf(who)
	if err != nil {
		s.Fatal(err)
	}
	return cfg
}

// denied fails the test where AWS did not refuse a call with this code.
func (s *siege) denied(err error, code string) {
	s.Helper()
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != code {
		s.Errorf("got %v, want %s", err, code)
	}
}

// write writes an object of the record, as somebody who may call S3.
func (s *siege) write(who, name string, v any, once bool) error {
	s.Helper()
	content, err := json.Marshal(map[string]any{"nonce": "attack", "content": v})
	if err != nil {
		s.Fatal(err)
	}
	in := &s3.PutObjectInput{Bucket: aws.String(s.p.run.hub.bucket()), Key: aws.String(s.folder + name), Body: bytes.NewReader(content)}
	if once {
		in.IfNoneMatch = aws.String("*")
	}
	_, err = s3.NewFromConfig(s.aws(who)).PutObject(s.p.outside(s.ctx), in)
	return err
}

// plant puts an object into the record as somebody would who is stronger than the bucket's policy.
func (s *siege) plant(name string, v any) {
	s.Helper()
	content, err := json.Marshal(map[string]any{"nonce": "planted", "content": v})
	if err != nil {
		s.Fatal(err)
	}
	err = s.p.aws.Change(func(w *emulator.World) {
		w.Accounts[w.Hub].Buckets[s.p.run.hub.bucket()].Objects[s.folder+name] = &emulator.Object{
			Versions: []emulator.ObjectVersion{{ID: "planted", Body: content, ContentType: "application/json", Modified: s.p.now}},
		}
	})
	if err != nil {
		s.Fatal(err)
	}
}

// decision is what decide-approval would write for an approval of somebody.
func (s *siege) decision(person string) closing.Decision {
	return closing.Decision{
		Execution: s.e.ARN, Round: s.ask.Round, Digest: s.ask.Digest, Verdict: closing.Approve, Person: person, Principal: person, At: s.p.now,
	}
}

// invoke calls a function directly, as somebody does who may invoke everything.
func (s *siege) invoke(folder string, payload any) (failed bool, cause string) {
	s.Helper()
	text, err := json.Marshal(payload)
	if err != nil {
		s.Fatal(err)
	}
	out := s.p.invoke(s.ctx, folder, s.e.Name+"/"+folder+"#1.1", text)
	return out.Failed, out.Error + " " + out.Cause
}

func config(name, value string) func(*Story) {
	return func(s *Story) { s.Config[name] = value }
}

const (
	bob   = "arn:aws:iam::111122223333:user/bob"
	carol = "arn:aws:iam::111122223333:user/carol"
)

var tags = regexp.MustCompile(`<[^>]*>`)

// texts are what a page shows, line by line and word by word.
func texts(page string) []string {
	var all []string
	for line := range strings.Lines(tags.ReplaceAllString(page, "\n")) {
		if line = html.UnescapeString(strings.TrimSpace(line)); line != "" {
			all = append(all, line)
			all = append(all, strings.Fields(line)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tamper changes one thing of an event's proof.
func tamper(e approval.Event, change func(*url.URL, url.Values)) approval.Event {
	u, _ := url.Parse(e.Identity.URL)
	q := u.Query()
	change(u, q)
	u.RawQuery = q.Encode()
	e.Identity.URL = u.String()
	return e
}

// attacks are the ways past the gate that we know. The README lists them.
var attacks = []attack{
	{name: "get-100-times", do: func(s *siege) {
		before := len(s.written())
		for range 100 {
			s.status(s.knock(http.MethodGet, "/"+s.folder, nil, ""), http.StatusOK)
		}
		if after := len(s.written()); after != before {
			s.Errorf("the record has %d objects more", after-before)
		}
	}},
	{name: "head", do: func(s *siege) {
		before := len(s.written())
		s.status(s.knock(http.MethodHead, "/"+s.folder, nil, ""), http.StatusOK)
		if after := len(s.written()); after != before {
			s.Errorf("the record has %d objects more", after-before)
		}
	}},
	{name: "other-methods", do: func(s *siege) {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
			if r := s.knock(method, "/"+s.folder, nil, s.form(s.on(closing.Approve))); r.StatusCode < 400 {
				s.Errorf("%s: %d", method, r.StatusCode)
			}
		}
	}},
	{name: "verdict-in-a-link", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		header := map[string]string{strings.ToLower(approval.ProofHeader): e.Identity.URL}
		s.status(s.knock(http.MethodGet, "/"+s.folder+"?"+s.form(e.Decision), header, ""), http.StatusOK)
		s.status(s.knock(http.MethodPost, "/"+s.folder+"?"+s.form(e.Decision), header, ""), http.StatusConflict)
	}},
	{name: "scanner-submits-empty-form", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		e.Name = ""
		s.status(s.post(e, nil), http.StatusConflict)
	}},
	{name: "scanner-submits-every-visible-text", do: func(s *siege) {
		page := s.knock(http.MethodGet, "/"+s.folder, nil, "").Body
		_, name := s.plan.Material.Challenge()
		if strings.Contains(strings.ToLower(page), strings.ToLower(name)) {
			s.Error("the page shows what an approver has to type")
		}
		tried := texts(page)
		if len(tried) < 100 {
			s.Errorf("the page shows only %d texts", len(tried))
		}
		e := s.prove("bob", s.on(closing.Approve))
		for _, text := range tried {
			e.Name = text
			if r := s.post(e, nil); r.StatusCode != http.StatusConflict {
				s.Errorf("%q: %d", text, r.StatusCode)
			}
		}
	}},
	{name: "form-without-proof", do: func(s *siege) {
		s.status(s.post(approval.Event{Decision: s.on(closing.Approve)}, nil), http.StatusConflict)
	}},
	{name: "replayed-post", setup: config("QUORUM", "2"), do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		for range 3 {
			r := s.post(e, nil)
			s.status(r, http.StatusOK)
			if !strings.Contains(r.Body, "1 of 2 approvals") {
				s.Errorf("the answer does not say 1 of 2: %s", r.Body)
			}
		}
	}},
	{name: "wrong-digest", do: func(s *siege) {
		d := s.on(closing.Approve)
		d.Digest = "sha256:" + strings.Repeat("0", 64)
		s.refused(s.prove("bob", d), "is not the one that is asked about")
	}},
	{name: "wrong-name", do: func(s *siege) {
		for _, name := range []string{"ACME-ANALYTICS", "acme", "acme-analytics-2", "222233334444", "*"} {
			d := s.on(closing.Approve)
			d.Name = name
			s.refused(s.prove("bob", d), "is not the name of the QuickSight account")
		}
	}},
	{name: "expired", after: 24 * time.Hour, do: func(s *siege) {
		s.p.schedule(s.ask.Deadline, func(context.Context, *player) error {
			s.refused(s.prove("bob", s.on(closing.Approve)), "expired")
			return nil
		})
	}, outcome: closing.OutcomeExpired},
	{name: "superseded", setup: func(story *Story) {
		story.Script = []Line{
			{When: When{State: "Request Approval"}, After: emulator.Duration(time.Hour), Do: Approve, As: "bob"},
			{When: When{State: "Cooling Off"}, After: emulator.Duration(time.Minute), Do: Change, Patch: json.RawMessage(
				`[{"op": "add", "path": "/accounts/222233334444/quickSight/regions/us-east-1/dashboards/-", "value": {"name": "New", "id": "new"}}]`)},
		}
	}, nth: 2, do: func(s *siege) {
		if s.ask.Round != 2 {
			s.Errorf("round %d is open", s.ask.Round)
		}
		d := s.on(closing.Approve)
		d.Round = 1
		s.refused(s.prove("carol", d), "superseded")
		first, err := s.p.planOf(s.ctx, s.e, s.folder, closing.Ask{Round: 1})
		if err != nil {
			s.Fatal(err)
		}
		d.Round, d.Digest = 2, first.Digest
		s.refused(s.prove("carol", d), "is not the one that is asked about")
	}},
	{name: "starter-as-user", do: func(s *siege) {
		s.refused(s.prove("alice", s.on(closing.Approve)), "started the run")
	}},
	{name: "starter-as-identity-center-session", setup: func(story *Story) {
		story.StartedBy = "AWSReservedSSO_Ops_0123456789abcdef/sam@example.com"
		hub := story.World.Accounts[story.World.Hub]
		hub.Principals = append(hub.Principals, emulator.Credential{
			AccessKeyID: "AKIASAMADMIN", ARN: "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_fedcba9876543210/sam@example.com",
		})
	}, do: func(s *siege) {
		s.refused(s.prove("AWSReservedSSO_Ops_0123456789abcdef/sam@example.com", s.on(closing.Approve)), "started the run")
		s.refused(s.prove("AWSReservedSSO_Admin_fedcba9876543210/sam@example.com", s.on(closing.Approve)), "started the run")
	}},
	{name: "starter-through-another-role", do: func(s *siege) {
		s.refused(s.prove("ops/one", s.on(closing.Approve)), "is not one of the approvers")
	}},
	{name: "role-named-like-identity-centers", do: func(s *siege) {
		s.refused(s.prove("bob2@example.com", s.on(closing.Approve)), "is not a role of Identity Center")
	}},
	{name: "one-role-under-two-session-names", setup: func(story *Story) {
		story.Config["QUORUM"], story.Config["APPROVERS"] = "2", "arn:aws:iam::111122223333:role/ops <ops@example.com>,"+bob+" <bob@example.com>"
	}, do: func(s *siege) {
		s.taken(s.prove("ops/one", s.on(closing.Approve)))
		s.taken(s.prove("ops/two", s.on(closing.Approve)))
		if n := len(s.decisions()); n != 1 {
			s.Errorf("%d decisions are on record", n)
		}
	}},
	{name: "not-an-approver", setup: config("APPROVERS", carol+" <carol@example.com>"), do: func(s *siege) {
		s.refused(s.prove("bob", s.on(closing.Approve)), "is not one of the approvers")
		s.refused(s.prove("bob", s.on(closing.Cancel)), "is neither an approver nor the starter")
	}},
	{name: "two-approvers-racing", setup: config("QUORUM", "3"), do: func(s *siege) {
		first, second := s.prove("bob", s.on(closing.Approve)), s.prove("carol", s.on(closing.Approve))
		s.taken(first)
		s.taken(second)
		s.taken(first)
		if n := len(s.decisions()); n != 2 {
			s.Errorf("%d decisions are on record", n)
		}
	}},
	{name: "approve-after-reject", setup: config("QUORUM", "1"), do: func(s *siege) {
		s.taken(s.prove("bob", s.on(closing.Reject)))
		s.refused(s.prove("carol", s.on(closing.Approve)), "has decided already")
		s.refused(s.prove("bob", s.on(closing.Approve)), "has decided already")
	}, outcome: closing.OutcomeRejected},
	{name: "proof-replayed-for-another-closing", do: func(s *siege) {
		other := s.on(closing.Approve)
		other.Closing = "closings/222233334444/20260101T000000Z-other/"
		e := s.prove("bob", other)
		e.Closing = s.folder
		s.refused(e, "was made for another decision")
		e.Identity.Headers["x-unsubscribe-closing"] = s.folder
		s.refused(e, "SignatureDoesNotMatch")
	}},
	{name: "proof-replayed-for-another-round", do: func(s *siege) {
		other := s.on(closing.Approve)
		other.Round = 2
		e := s.prove("bob", other)
		e.Round = 1
		s.refused(e, "was made for another decision")
		e.Identity.Headers["x-unsubscribe-round"] = "1"
		s.refused(e, "SignatureDoesNotMatch")
	}},
	{name: "proof-replayed-for-another-decision", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Reject))
		e.Decision = s.on(closing.Approve)
		s.refused(e, "was made for another decision")
		e.Identity.Headers["x-unsubscribe-verdict"] = "approve"
		s.refused(e, "SignatureDoesNotMatch")
		s.status(s.post(e, nil), http.StatusConflict)
	}},
	{name: "proof-stale", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		s.p.schedule(s.p.now.Add(approval.MaxAge+time.Second), func(context.Context, *player) error {
			s.refused(e, "look at your clock")
			return nil
		})
	}},
	{name: "proof-that-holds-for-long", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		s.refused(tamper(e, func(_ *url.URL, q url.Values) { q.Set("X-Amz-Expires", "604800") }), "does not expire within")
	}},
	{name: "proof-tampered", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		s.refused(tamper(e, func(_ *url.URL, q url.Values) {
			q.Set("X-Amz-Credential", strings.Replace(q.Get("X-Amz-Credential"), "AKIABOB", "AKIAATTACK0", 1))
		}), "SignatureDoesNotMatch")
		s.refused(tamper(e, func(_ *url.URL, q url.Values) { q.Set("X-Amz-SignedHeaders", "host") }), "does not sign")
		s.refused(tamper(e, func(_ *url.URL, q url.Values) { q.Set("X-Amz-Signature", strings.Repeat("0", 64)) }), "SignatureDoesNotMatch")
	}},
	{name: "proof-of-another-action", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		s.refused(tamper(e, func(_ *url.URL, q url.Values) { q.Set("Action", "AssumeRole") }), "does not call GetCallerIdentity")
		s.refused(tamper(e, func(_ *url.URL, q url.Values) { q.Set("RoleArn", "x") }), "has the parameter")
	}},
	{name: "proof-for-another-host", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		for _, to := range []string{"sts.evil.example", "169.254.169.254", "sts.us-east-1.amazonaws.com:8443", "sts.eu-west-1.amazonaws.com", "localhost"} {
			s.refused(tamper(e, func(u *url.URL, _ url.Values) { u.Host = to }), "is not for https://sts.us-east-1.amazonaws.com/")
		}
		s.refused(tamper(e, func(u *url.URL, _ url.Values) { u.Scheme = "http" }), "is not for https://")
		s.refused(tamper(e, func(u *url.URL, _ url.Values) { u.User = url.User("sts") }), "is not for https://")
	}},
	{name: "forged-direct-invoke", do: func(s *siege) {
		forged := map[string]any{
			"version": "2.0", "rawPath": "/decisions", "headers": map[string]string{"host": functionURL},
			"requestContext": map[string]any{
				"http":       map[string]any{"method": "POST", "path": "/decisions"},
				"authorizer": map[string]any{"iam": map[string]any{"userArn": bob, "userId": "AIDABOB", "accountId": "111122223333"}},
			},
		}
		body, err := json.Marshal(approval.Event{Decision: s.on(closing.Approve)})
		if err != nil {
			s.Fatal(err)
		}
		forged["body"] = string(body)
		for _, event := range []any{forged, s.on(closing.Approve), map[string]any{"person": bob, "verdict": "approve"}, []int{1}, "approve"} {
			payload, err := json.Marshal(event)
			if err != nil {
				s.Fatal(err)
			}
			if answer, err := s.p.invokeURL(s.ctx, s.e, payload); err == nil && answer.StatusCode < 400 {
				s.Errorf("%s: %d %s", payload, answer.StatusCode, answer.Body)
			}
		}
	}},
	{name: "direct-invoke-of-delete-subscription", do: direct("delete-subscription", "Delete Subscription")},
	{name: "direct-invoke-of-delete-directory", do: direct("delete-directory", "Delete Directory")},
	{name: "direct-invoke-of-delete-vpc", do: direct("delete-vpc", "Delete VPC")},
	{name: "direct-invoke-of-commit-plan", do: direct("commit-plan", "Commit Plan")},
	{name: "cross-origin-post", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		s.status(s.post(e, map[string]string{"sec-fetch-site": "cross-site"}), http.StatusForbidden)
		s.status(s.post(e, map[string]string{"sec-fetch-site": "same-site"}), http.StatusForbidden)
		s.status(s.post(e, map[string]string{"origin": "https://evil.example"}), http.StatusForbidden)
		s.status(s.post(e, map[string]string{"origin": "null"}), http.StatusForbidden)
	}},
	{name: "dns-rebinding-to-the-proxy", do: func(s *siege) {
		const address = "127.0.0.1:43210"
		proxy, visit := s.proxy("bob", address)
		for _, host := range []string{"evil.example:43210", "localhost:43210", "127.0.0.1", "127.0.0.1:43211", "[::1]:43210", ""} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				if w := visit(method, host, proxy.URL(), "", s.form(s.on(closing.Approve)), nil); w.Code != http.StatusNotFound || len(w.Result().Cookies()) != 0 {
					s.Errorf("%s of %q: %d", method, host, w.Code)
				}
			}
		}
	}},
	{name: "another-browser-at-the-proxy", do: func(s *siege) {
		const address = "127.0.0.1:43210"
		proxy, visit := s.proxy("bob", address)
		form := s.form(s.on(closing.Approve))
		for _, target := range []string{"http://" + address + "/", proxy.URL() + "x", "http://" + address + "/" + s.folder} {
			if w := visit(http.MethodGet, address, target, "", "", nil); w.Code != http.StatusNotFound {
				s.Errorf("%s: %d", target, w.Code)
			}
		}
		if w := visit(http.MethodPost, address, proxy.URL(), "", form, nil); w.Code != http.StatusForbidden {
			s.Errorf("a post of nobody: %d", w.Code)
		}
		w := visit(http.MethodGet, address, proxy.URL(), "", "", nil)
		cookies := w.Result().Cookies()
		if w.Code != http.StatusOK || len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
			s.Fatalf("the first visitor: %d, %v", w.Code, cookies)
		}
		if w := visit(http.MethodGet, address, proxy.URL(), "", "", nil); w.Code != http.StatusForbidden {
			s.Errorf("the second visitor: %d", w.Code)
		}
		if w := visit(http.MethodPost, address, proxy.URL(), "forged", form, nil); w.Code != http.StatusForbidden {
			s.Errorf("a forged cookie: %d", w.Code)
		}
		for _, site := range []string{"cross-site", "same-site"} {
			if w := visit(http.MethodPost, address, proxy.URL(), cookies[0].Value, form, map[string]string{"Sec-Fetch-Site": site}); w.Code != http.StatusForbidden {
				s.Errorf("a post from %s: %d", site, w.Code)
			}
		}
	}},
	{name: "oversized-body", do: func(s *siege) {
		e := s.prove("bob", s.on(closing.Approve))
		e.Reason = strings.Repeat("x", 64<<10)
		s.refused(e, "this is not a decision")
		s.status(s.post(e, nil), http.StatusConflict)
		e.Reason = strings.Repeat("x", approval.MaxReason+1)
		s.refused(e, "more than")
	}},
	{name: "malformed-bodies", do: func(s *siege) {
		for _, body := range []string{"", "{", "null", "[]", `"approve"`, `{"verdict":"approve"}`, `{"verdict":"approve","sneaky":1}`, "\xff\xfe", "%zz=1;round=x"} {
			for _, path := range []string{"/decisions", "/" + s.folder} {
				if r := s.knock(http.MethodPost, path, map[string]string{"content-type": "application/x-www-form-urlencoded"}, body); r.StatusCode < 400 {
					s.Errorf("%q to %s: %d", body, path, r.StatusCode)
				}
			}
		}
		for _, path := range []string{"/closings/../closings/x/y/", "/closings/222233334444/../../lock.json/", "//evil.example/", "/closings/222233334444/%2e%2e/", "/"} {
			if r := s.knock(http.MethodGet, path, nil, ""); r.StatusCode < 300 {
				s.Errorf("%s: %d", path, r.StatusCode)
			}
		}
	}},
	{name: "forged-task-token", do: func(s *siege) {
		_, err := sfn.NewFromConfig(s.aws("carol")).SendTaskSuccess(s.p.outside(s.ctx), &sfn.SendTaskSuccessInput{
			TaskToken: aws.String("AAAA" + strings.Repeat("x", 600)), Output: aws.String(`{"verdict": "approve"}`),
		})
		s.denied(err, "TaskDoesNotExist")
	}},
	{name: "stolen-task-token", do: func(s *siege) {
		token := s.e.tokens[len(s.e.tokens)-1]
		forged := fmt.Sprintf(`{"verdict": "APPROVED", "run": {"digest": %q}, "state": "DONE"}`, s.ask.Digest)
		_, err := sfn.NewFromConfig(s.aws("carol")).SendTaskSuccess(s.p.outside(s.ctx), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: &forged})
		if err != nil {
			s.Error(err)
		}
	}},
	{name: "token-read-by-another-role", do: func(s *siege) {
		for _, who := range []string{"carol", operator} {
			_, err := s3.NewFromConfig(s.aws(who)).GetObject(s.p.outside(s.ctx), &s3.GetObjectInput{
				Bucket: aws.String(s.p.run.hub.bucket()), Key: aws.String(s.folder + "token.json"),
			})
			s.denied(err, "AccessDenied")
		}
	}},
	{name: "subscribing-to-anothers-requests", do: func(s *siege) {
		for _, who := range []string{"carol", operator, "quicksight-unsubscribe-request-approval"} {
			_, err := sns.NewFromConfig(s.aws(who)).Subscribe(s.p.outside(s.ctx), &sns.SubscribeInput{
				TopicArn: aws.String(s.p.run.hub.asking()), Protocol: aws.String("email"), Endpoint: aws.String("eve@example.com"),
			})
			s.denied(err, "AuthorizationError")
		}
	}},
	{name: "request-for-approval-by-another", do: func(s *siege) {
		for _, who := range []string{"carol", operator, "quicksight-unsubscribe-decide-approval"} {
			_, err := sns.NewFromConfig(s.aws(who)).Publish(s.p.outside(s.ctx), &sns.PublishInput{
				TopicArn: aws.String(s.p.run.hub.asking()), Message: aws.String("Approve this: https://evil.example/"),
			})
			s.denied(err, "AuthorizationError")
		}
	}},
	{name: "one-person-by-two-principals", setup: func(story *Story) {
		story.Config["QUORUM"], story.Config["APPROVERS"] = "2", "sam@example.com Ops "+bob+", "+carol+" <carol@example.com>"
	}, do: func(s *siege) {
		s.taken(s.prove("bob", s.on(closing.Approve)))
		s.taken(s.prove("AWSReservedSSO_Ops_0123456789abcdef/sam@example.com", s.on(closing.Approve)))
		if n := len(s.decisions()); n != 1 {
			s.Errorf("%d decisions are on record", n)
		}
	}},
	{name: "starter-by-another-principal", setup: func(story *Story) {
		story.Config["APPROVERS"] = "sam@example.com Ops arn:aws:iam::111122223333:user/alice, " + carol + " <carol@example.com>"
	}, do: func(s *siege) {
		s.refused(s.prove("AWSReservedSSO_Ops_0123456789abcdef/sam@example.com", s.on(closing.Approve)), "started the run")
	}},
	{name: "another-permission-set", setup: config("APPROVERS", "sam@example.com Admin"), do: func(s *siege) {
		s.refused(s.prove("AWSReservedSSO_Ops_0123456789abcdef/sam@example.com", s.on(closing.Approve)), "is not one of the approvers")
	}},
	{name: "approval-object-by-another-role", do: func(s *siege) {
		for _, who := range []string{"carol", operator, "quicksight-unsubscribe-request-approval", "quicksight-unsubscribe-delete-subscription"} {
			s.denied(s.write(who, "decisions/1/bob.json", s.decision(bob), true), "AccessDenied")
			if who != "quicksight-unsubscribe-request-approval" {
				s.denied(s.write(who, "decide-2.py", "print('approved')", true), "AccessDenied")
			}
			s.denied(s.write(who, "decide-1.py", "print('approved')", false), "AccessDenied")
			s.denied(s.write(who, "commit.json", closing.Commit{Execution: s.e.ARN, Round: 1, Digest: s.ask.Digest}, true), "AccessDenied")
		}
	}},
	{name: "object-of-another-execution-with-the-same-name", do: func(s *siege) {
		d := s.decision(bob)
		d.Execution = strings.Replace(s.e.ARN, "us-east-1", "eu-west-1", 1)
		s.plant("decisions/1/arn_3aaws_3aiam_3a_3a111122223333_3auser_2fbob.json", d)
	}, outcome: closing.OutcomeBlocked},
	{name: "approval-under-another-persons-name", do: func(s *siege) {
		s.plant("decisions/1/carol.json", s.decision(bob))
	}, outcome: closing.OutcomeBlocked},
	{name: "decision-overwritten", setup: config("QUORUM", "2"), do: func(s *siege) {
		s.taken(s.prove("bob", s.on(closing.Approve)))
		name := strings.TrimPrefix(s.decisions()[0], s.folder)
		s.denied(s.write("quicksight-unsubscribe-decide-approval", name, s.decision(carol), false), "AccessDenied") // the one writer, too
	}},
	{name: "plan-overwritten-between-read-and-write", do: func(s *siege) {
		plan := s.plan
		plan.Material.Contents = nil // what is asked about looks smaller than it is
		s.plant("plan-1.json", plan)
		s.refused(s.prove("bob", s.on(closing.Approve)), "")
	}, outcome: closing.OutcomeBlocked},
	{name: "asset-list-overwritten", do: func(s *siege) {
		s.plant("lists/"+s.plan.Material.Assets.SHA256+".jsonl", "fewer assets than people saw")
		s.taken(s.prove("bob", s.on(closing.Approve)))
	}, outcome: closing.OutcomeBlocked},
	{name: "clock-skew", do: func(s *siege) {
		now := s.p.now
		for _, skew := range []time.Duration{2 * time.Minute, -6 * time.Minute, 24 * time.Hour, -24 * time.Hour} {
			s.p.now = now.Add(skew)
			e := s.prove("bob", s.on(closing.Approve))
			s.p.now = now
			s.refused(e, "look at your clock")
		}
	}},
	{name: "doorbell-rung-early", state: "Cooling Off", setup: func(story *Story) {
		story.Script = []Line{{When: When{State: "Request Approval"}, After: emulator.Duration(time.Hour), Do: Approve, As: "bob"}}
	}, do: func(s *siege) {
		token := s.e.tokens[len(s.e.tokens)-1]
		if _, err := sfn.NewFromConfig(s.aws("carol")).SendTaskSuccess(s.p.outside(s.ctx), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")}); err != nil {
			s.Error(err)
		}
		s.p.schedule(s.p.now.Add(time.Minute), func(context.Context, *player) error { // it waits again, and can still be cancelled
			s.taken(s.prove("carol", s.on(closing.Cancel)))
			return nil
		})
	}, outcome: closing.OutcomeCancelled},
}

// proxy is the proxy that somebody has started, and a browser.
func (s *siege) proxy(who, address string) (*approval.Proxy, func(method, host, target, cookie, body string, header map[string]string) *httptest.ResponseRecorder) {
	s.Helper()
	site, err := s.p.site(s.e, who)
	if err != nil {
		s.Fatal(err)
	}
	proxy := approval.NewProxy(site, s.folder, s.e.ARN, address)
	return proxy, func(method, host, target, cookie, body string, header map[string]string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(s.ctx, method, target, strings.NewReader(body))
		r.Host = host
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range header {
			r.Header.Set(name, value)
		}
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "unsubscribe", Value: cookie})
		}
		w := httptest.NewRecorder()
		proxy.ServeHTTP(w, r)
		return w
	}
}

// direct invokes a function around the machine, with what a run that was approved and committed would give it.
func direct(folder, state string) func(*siege) {
	return func(s *siege) {
		deadline := s.ask.Deadline
		in := step.Input{
			Execution: step.Execution{ID: s.e.ARN, Name: s.e.Name, StartTime: s.e.StartTime()}, State: state, Entered: s.p.now,
			Run: step.Run{
				Closing: s.folder, AccountID: "222233334444", IdentityRegion: "us-east-1", Starter: carol, Round: 1, Digest: s.ask.Digest, Deadline: &deadline,
			},
		}
		if failed, cause := s.invoke(folder, in); !failed {
			s.Errorf("%s did something", folder)
		} else if !strings.Contains(cause, "Closing.") {
			s.Errorf("%s failed by %s", folder, cause)
		}
	}
}

// written are the keys below the closing folder.
func (s *siege) written() []string {
	var keys []string
	for key := range s.p.aws.World().Accounts["111122223333"].Buckets[s.p.run.hub.bucket()].Objects {
		if strings.HasPrefix(key, s.folder) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (s *siege) decisions() []string {
	return slices.DeleteFunc(s.written(), func(key string) bool { return !strings.Contains(key, "/decisions/") })
}

// Ensure that no attack leads to a change of the account.
func TestAttacks(t *testing.T) {
	t.Parallel()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			besiege(t, a)
		})
	}
	t.Run("cancel-around-the-commit", cancelAroundTheCommit)
	t.Run("send-task-success-fails", sendTaskSuccessFails)
	t.Run("secrets-in-logs-and-pages", secretsInLogsAndPages)
}

// cancelAroundTheCommit cancels in every state around the commit: either the run is cancelled and nothing is changed, or it is too late
// and the person hears so.
func cancelAroundTheCommit(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"Cooling Off", "Export Assets", "Retake Inventory", "Commit Plan", "Delete Subscription"} {
		for _, after := range []time.Duration{time.Nanosecond, 10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond, time.Second, 15 * time.Minute} {
			t.Run(fmt.Sprintf("%s+%s", state, after), func(t *testing.T) {
				t.Parallel()
				refusal := ""
				s := besiege(t, attack{state: state, after: after, may: true, setup: func(story *Story) {
					story.Script = []Line{{When: When{State: "Request Approval"}, After: emulator.Duration(time.Hour), Do: Approve, As: "bob"}}
				}, do: func(s *siege) { refusal = s.send(s.prove("carol", s.on(closing.Cancel))) }})
				changed := slices.ContainsFunc(s.p.run.Calls, func(c emulator.Call) bool { return c.Mutating && c.Done })
				switch {
				case refusal == "" && (changed || s.e.outcome() != closing.OutcomeCancelled):
					t.Errorf("cancelled, and the run ended %s, changed: %t", s.e.outcome(), changed)
				case refusal != "" && (!strings.Contains(refusal, "too late") || s.e.outcome() != closing.OutcomeClosed):
					t.Errorf("refused with %q, and the run ended %s", refusal, s.e.outcome())
				}
			})
		}
	}
}

// sendTaskSuccessFails has the doorbell fail in each way that is documented, while somebody rejects: the run reads the record anyway.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
func sendTaskSuccessFails(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"InvalidOutput", "InvalidToken", "KmsAccessDeniedException", "KmsInvalidStateException", "KmsThrottlingException", "TaskDoesNotExist", "TaskTimedOut",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			besiege(t, attack{setup: func(story *Story) {
				story.Faults = []emulator.Fault{{
					Match: emulator.Match{Service: "states", Operation: "SendTaskSuccess"}, Times: -1, Error: &emulator.APIError{Code: code, Status: http.StatusBadRequest},
				}}
			}, do: func(s *siege) { s.taken(s.prove("bob", s.on(closing.Reject))) }, outcome: closing.OutcomeRejected})
		})
	}
}

// secretsInLogsAndPages looks for task tokens and signatures wherever people look.
func secretsInLogsAndPages(t *testing.T) {
	t.Parallel()
	var pages, signatures []string
	s := besiege(t, attack{setup: config("QUORUM", "2"), do: func(s *siege) {
		pages = append(pages, s.knock(http.MethodGet, "/"+s.folder, nil, "").Body)
		e := s.prove("bob", s.on(closing.Approve))
		u, err := url.Parse(e.Identity.URL)
		if err != nil {
			s.Fatal(err)
		}
		signatures = append(signatures, u.Query().Get("X-Amz-Signature"))
		pages = append(pages, s.post(e, nil).Body, s.post(tamper(e, func(_ *url.URL, q url.Values) { q.Set("Action", "x") }), nil).Body)
	}})
	secrets := slices.Concat(signatures, s.p.run.tokens())
	if len(secrets) < 2 || s.logs.Len() == 0 {
		t.Fatalf("%d secrets, %d bytes of logs", len(secrets), s.logs.Len())
	}
	report, err := json.Marshal(s.e.Report)
	if err != nil {
		t.Fatal(err)
	}
	var mails, announced []string
	for _, call := range s.p.run.Calls {
		if call.Service == "sns" && call.Operation == "Publish" {
			mails = append(mails, string(call.Params))
		}
	}
	for _, e := range s.p.run.events() {
		announced = append(announced, e.detail)
	}
	if len(announced) < len(closing.Announced())-1 { // one person decides, then the request expires
		t.Fatalf("announced is %v", announced)
	}
	for where, text := range map[string]string{
		"the logs": s.logs.String(), "the pages": strings.Join(pages, ""), "the report": string(report), "the mails": strings.Join(mails, ""),
		"the events": strings.Join(announced, ""),
	} {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s show a secret", where)
			}
		}
	}
	_, name := s.plan.Material.Challenge()
	for where, text := range map[string]string{"the pages": strings.Join(pages, ""), "the mails that ask": mails[0], "the events": strings.Join(announced, "")} {
		if strings.Contains(strings.ToLower(text), name) {
			t.Errorf("%s show what an approver has to type", where)
		}
	}
}

// Ensure that the README's section on security lists exactly the attacks that are tried.
func TestAttacksAreListed(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "<!-- attacks -->\n")
	section, _, ended := strings.Cut(section, "<!-- /attacks -->")
	if !found || !ended {
		t.Fatal("the README has no list of attacks")
	}
	var listed []string
	for _, match := range regexp.MustCompile("`([a-z0-9-]+)`").FindAllStringSubmatch(section, -1) {
		listed = append(listed, match[1])
	}
	tried := []string{"cancel-around-the-commit", "send-task-success-fails", "secrets-in-logs-and-pages"}
	for _, a := range attacks {
		tried = append(tried, a.name)
	}
	slices.Sort(listed)
	slices.Sort(tried)
	if !slices.Equal(listed, tried) {
		t.Errorf("the README lists\n%v\nand tried are\n%v", listed, tried)
	}
	if len(tried) < 30 {
		t.Errorf("only %d attacks are tried", len(tried))
	}
}
