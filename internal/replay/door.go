package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/closing"
)

// Door is where a run waits for a decision, as somebody finds it who stands before it in earnest.
type Door struct {
	Site      approval.Site // with the credentials of one of the story's people
	Person    string        // whose
	Folder    string        // of the closing
	Execution string
	Ask       closing.Ask
	Plan      closing.Plan // that it asks about
}

// gateState is the state that waits for people.
const gateState = "Request Approval"

// halt lets the person of Options.AtGate decide, a minute after an execution has asked.
func (p *player) halt(e *Execution, entered time.Time) {
	p.schedule(entered.Add(time.Minute), func(ctx context.Context, p *player) error {
		ask, folder, err := p.newestAsk(ctx, e)
		if err != nil {
			return err
		}
		plan, err := p.planOf(ctx, e, folder, ask)
		if err != nil {
			return err
		}
		person := p.decider()
		site, err := p.site(e, person)
		if err != nil {
			return err
		}
		return p.options.AtGate(ctx, Door{Site: site, Person: person, Folder: folder, Execution: e.ARN, Ask: ask, Plan: plan})
	})
}

// decider is whoever decides first in the story, or the first person who did not start the run.
func (p *player) decider() string {
	for _, line := range p.story.Script {
		if line.Do.decides() {
			return line.As
		}
	}
	world := p.aws.World()
	for _, c := range world.Accounts[world.Hub].Principals {
		if name, is := userName(c.ARN); is && name != or(p.story.StartedBy, operator) {
			return name
		}
	}
	return operator
}

// userName is the name of an IAM user.
func userName(arn string) (name string, is bool) {
	return arn[strings.LastIndex(arn, "/")+1:], strings.Contains(arn, ":user/")
}

func (d Deed) decides() bool { return d == Approve || d == Reject || d == Cancel }

// site is decide-approval's Function URL in the hands of a person.
func (p *player) site(e *Execution, person string) (approval.Site, error) {
	cfg, err := p.credentialsOf(person)
	if err != nil {
		return approval.Site{}, err
	}
	return approval.Site{
		Host: functionURL, Region: p.run.hub.region, Credentials: cfg.Credentials,
		Client: &http.Client{Transport: &knocking{player: p, execution: e}}, Now: func() time.Time { return p.now },
	}, nil
}

// knocking brings requests for the Function URL to the function, one at a time. They come from a browser while the story stands still.
type knocking struct {
	sync.Mutex
	player    *player
	execution *Execution
}

func (k *knocking) RoundTrip(r *http.Request) (*http.Response, error) {
	k.Lock()
	defer k.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("the request: %w", err)
	}
	header := map[string]string{}
	for name := range r.Header {
		header[strings.ToLower(name)] = r.Header.Get(name)
	}
	answer, err := k.player.knock(context.WithoutCancel(r.Context()), k.execution, r.Method, r.URL.RequestURI(), header, string(body))
	if err != nil {
		return nil, err
	}
	out := &http.Response{
		StatusCode: answer.StatusCode, Status: http.StatusText(answer.StatusCode), Header: http.Header{}, Request: r,
		Body: io.NopCloser(bytes.NewReader([]byte(answer.Body))),
	}
	for name, value := range answer.Headers {
		out.Header.Set(name, value)
	}
	return out, nil
}
