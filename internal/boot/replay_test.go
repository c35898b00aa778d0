package boot

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/step"
)

// Ensure that no deployed function listens to a replay: not even where its environment names one.
func TestReplayOutsideOfLambdaAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		environment map[string]string
		replayed    bool
		wrong       bool
	}{
		{"nothing set", nil, false, false},
		{"a replay", map[string]string{ReplayVariable: "127.0.0.1:4000"}, true, false},
		{"in Lambda", map[string]string{ReplayVariable: "127.0.0.1:4000", "AWS_LAMBDA_FUNCTION_NAME": "quicksight-unsubscribe-delete-vpc"}, false, false},
		{"in Lambda, whatever it is named", map[string]string{ReplayVariable: "127.0.0.1:4000", "AWS_LAMBDA_FUNCTION_NAME": ""}, false, false},
		{"another machine", map[string]string{ReplayVariable: "198.51.100.7:80"}, false, true},
		{"a name", map[string]string{ReplayVariable: "localhost:4000"}, false, true},
		{"nonsense", map[string]string{ReplayVariable: "yes"}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := replayOf(func(name string) (string, bool) { v, set := tt.environment[name]; return v, set })
			if (r != nil) != tt.replayed || (err != nil) != tt.wrong {
				t.Errorf("got %v, %v", r, err)
			}
		})
	}
}

// Ensure that a function in a replay has the replay's time, calls its AWS under AWS's names, and tells it what the calls took.
func TestReplayed(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	budget := 5 * time.Minute
	var told ReplayTime
	var hosts []string
	var front *httptest.Server
	front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if "http://"+r.Host == front.URL {
			if r.URL.Path != ReplayPath+"request-1" {
				t.Errorf("it asks for %s", r.URL.Path)
			}
			at := ReplayTime{Now: start, Budget: budget}
			if r.Method == http.MethodPost {
				if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
					t.Error(err)
				}
			}
			if err := json.NewEncoder(w).Encode(at); err != nil {
				t.Error(err)
			}
			return
		}
		hosts = append(hosts, r.Host+" "+r.Header.Get(ReplayInvocation))
		w.Header().Set(ReplaySpent, "2000000000")
		switch r.URL.Path {
		case "/reset":
			w.Header().Set(ReplayBroken, "reset")
		case "/nowhere":
			w.Header().Set(ReplayBroken, "no such host")
		default:
			l.aws.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	r, err := replayOf(func(name string) (string, bool) {
		return strings.TrimPrefix(front.URL, "http://"), name == ReplayVariable
	})
	if err != nil {
		t.Fatal(err)
	}
	var unknown *net.DNSError
	f := r.function(Handler(doing(func(ctx context.Context, env step.Env, _ step.Input) (step.Result, error) {
		if now := clock.Now(ctx); !now.Equal(start) {
			t.Errorf("it is %s", now)
		}
		if _, err := sts.NewFromConfig(env.AWS.Hub()).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
			t.Error(err)
		}
		for path, is := range map[string]func(error) bool{
			"reset":   func(err error) bool { return errors.Is(err, syscall.ECONNRESET) },
			"nowhere": func(err error) bool { return errors.As(err, &unknown) && unknown.Name == "quicksight.example.com" },
		} {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://quicksight.example.com/"+path, strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := env.AWS.Hub().HTTPClient.Do(req)
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if !is(err) {
				t.Errorf("%s: %v", path, err)
			}
		}
		clock.Spend(ctx, budget)
		if _, err := sts.NewFromConfig(env.AWS.Hub()).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err == nil {
			t.Error("a call was made after the function's time was over")
		}
		return step.Result{}, nil
	}), r.host(l.host)))
	if _, err := f(l.ctx(), []byte(input)); err != nil {
		t.Fatal(err)
	}
	if hosts[0] != "sts.us-east-1.amazonaws.com request-1" || len(hosts) != 3 {
		t.Errorf("the calls went to %q", hosts)
	}
	if told.Spent < budget+6*time.Second {
		t.Errorf("it told %s", told.Spent)
	}
	front.Close()
	if _, err := f(l.ctx(), []byte(input)); err == nil || !strings.Contains(err.Error(), "the replay") {
		t.Errorf("the replay is gone, and the function says %v", err)
	}
}
