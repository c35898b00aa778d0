package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/step"
)

// ProofHeader carries, with a form of the page, the presigned request that proves who sends it. A browser cannot make one: the
// command line's proxy adds it.
const ProofHeader = "X-Unsubscribe-Proof"

// maxBody is how large a decision may be, in bytes: a presigned URL with a session token, and a reason.
const maxBody = 32 << 10

// Handler is the page of a closing, and what takes decisions:
//
//	GET  /closings/<account>/<run>/   the page; changes nothing
//	POST /closings/<account>/<run>/   its form, with the proof in ProofHeader
//	POST /decisions                   an Event as JSON; an Answer, or a Refusal
func Handler(env step.Env) http.Handler {
	s := site{env: env, decide: Decide(env)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /closings/{account}/{run}/{$}", s.show)
	mux.HandleFunc("POST /closings/{account}/{run}/{$}", s.submit)
	mux.HandleFunc("POST /decisions", s.take)
	mux.HandleFunc("/", s.nothing)
	return guarded(mux)
}

type site struct {
	env    step.Env
	decide func(context.Context, Event) (Answer, error)
}

// guarded sets what every answer says to a browser, and refuses posts of other origins and bodies that are too large.
func guarded(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// headers let a browser do nothing with the page but show it and send its form back to where it came from.
var headers = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; style-src '" + styleHash + "'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"X-Robots-Tag":                 "noindex, nofollow",
}

// show is the page. It reads the record, and changes nothing.
func (s site) show(w http.ResponseWriter, r *http.Request) {
	v, err := s.view(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.page(w, http.StatusOK, v)
}

// submit takes the page's form.
func (s site) submit(w http.ResponseWriter, r *http.Request) {
	v, err := s.view(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	e, err := form(r, v)
	if err == nil {
		var answer Answer
		if answer, err = s.decide(r.Context(), e); err == nil {
			if v, err = s.view(r); err == nil { // as it is now
				v.answer = &answer
				s.page(w, http.StatusOK, v)
				return
			}
		}
	}
	var refused *closing.Error
	if !errors.As(err, &refused) {
		s.fail(w, r, err)
		return
	}
	v.refusal = refused.Error()
	s.page(w, http.StatusConflict, v)
}

// form reads a decision from the page's form. Everything in it must be there: what a person did not fill in decides nothing.
func form(r *http.Request, v view) (Event, error) {
	if err := r.ParseForm(); err != nil {
		return Event{}, refuse("the form cannot be read, or is too large")
	}
	round, err := strconv.Atoi(r.PostForm.Get("round"))
	if err != nil {
		return Event{}, refuse("the form does not say which round it is about").WithHint("load the page again")
	}
	e := Event{Decision: Decision{
		Closing: v.closing, Execution: v.execution, Round: round, Digest: r.PostForm.Get("digest"),
		Verdict: closing.Verdict(r.PostForm.Get("verdict")), Name: strings.TrimSpace(r.PostForm.Get("name")), Reason: strings.TrimSpace(r.PostForm.Get("reason")),
		Struck: r.PostForm["struck"],
	}}
	proof := r.Header.Get(ProofHeader)
	if proof == "" {
		return Event{}, refuse("the form does not prove who sends it").WithHint("open the page with unsubscribe approve --web")
	}
	e.Identity = Identity{URL: proof, Headers: e.headers()} // its signature tells whether it signs them
	return e, nil
}

// Refusal is what the sender of an Event hears whose decision does not count.
type Refusal struct {
	Code    closing.Code `json:"code"`
	Message string       `json:"message"`
}

// take takes an Event.
func (s site) take(w http.ResponseWriter, r *http.Request) {
	var e Event
	err := readJSON(r.Body, &e)
	if err == nil {
		var answer Answer
		if answer, err = s.decide(r.Context(), e); err == nil {
			writeJSON(w, http.StatusOK, answer)
			return
		}
	}
	var refused *closing.Error
	if errors.As(err, &refused) {
		writeJSON(w, http.StatusConflict, Refusal{refused.Code, refused.Error()})
		return
	}
	s.env.Log.ErrorContext(r.Context(), "the decision was not taken", slog.String("error", err.Error()))
	writeJSON(w, http.StatusServiceUnavailable, Refusal{closing.Transient, "AWS did not answer; whether the decision is on record, only trying again tells"})
}

func readJSON(body io.Reader, e *Event) error {
	text, err := io.ReadAll(body)
	if err == nil {
		err = json.Unmarshal(text, e)
	}
	if err != nil {
		return refuse("this is not a decision")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // to a caller who may have gone
}

// view reads what the page shows.
func (s site) view(r *http.Request) (view, error) {
	ctx := r.Context()
	v := view{closing: "closings/" + r.PathValue("account") + "/" + r.PathValue("run") + "/", coolOff: s.env.Config.CoolOff}
	if !prefix.MatchString(v.closing) {
		return v, record.ErrNotFound
	}
	_, execution, err := s.env.Record.Find(ctx, v.closing)
	if err != nil {
		return v, err
	}
	if v.execution = execution; !ofMachine(execution, machineOf(v.closing, s.env.Config)) {
		return v, record.ErrNotFound
	}
	ctx = step.ForExecution(ctx, execution)
	if v.ballot, err = open(ctx, s.env, Decision{Closing: v.closing, Execution: execution}); err != nil {
		return v, err
	}
	if v.unsaved, err = record.First[closing.Unsaved](ctx, v.folder, v.plan.Material.Unsaved, shown); err != nil {
		return v, err
	}
	v.request, err = v.folder.Request(ctx)
	return v, err
}

func (s site) page(w http.ResponseWriter, status int, v view) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, v.render()) // to a browser that may have gone
}

// fail answers where there is no page to show.
func (s site) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, title, text := http.StatusServiceUnavailable, "AWS did not answer", "Nothing was decided or changed by this. Try again."
	var refused *closing.Error
	switch {
	case errors.Is(err, record.ErrNotFound):
		status, title, text = http.StatusNotFound, "There is no such closing", "The address is wrong, or the run has not begun."
	case errors.As(err, &refused):
		status, title, text = http.StatusConflict, "Nothing to decide here", refused.Error()
	default:
		s.env.Log.ErrorContext(r.Context(), "the page was not shown", slog.String("error", err.Error()))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, notice(title, text))
}

func (s site) nothing(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, fmt.Errorf("%s: %w", r.URL.Path, record.ErrNotFound))
}
