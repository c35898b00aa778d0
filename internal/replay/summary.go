package replay

import (
	"strings"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Summary is a run in numbers: the line that --json prints.
type Summary struct {
	Story          string          `json:"story"`
	Outcome        closing.Outcome `json:"outcome"` // of the first execution; "" where StartExecution refused
	Met            bool            `json:"met"`     // the story's expectation and the invariants hold
	Unmet          []string        `json:"unmet,omitempty"`
	Broken         []string        `json:"broken,omitempty"` // invariants
	Path           []string        `json:"path"`             // of the first execution, every state
	VirtualSeconds float64         `json:"virtualSeconds"`
	RealSeconds    float64         `json:"realSeconds"`
	Calls          map[string]int  `json:"calls"`        // by "service:Operation", refused ones too
	RefusedCalls   int             `json:"refusedCalls"` // AWS answered with an error that no fault made
	Mutations      int             `json:"mutations"`    // mutating calls that took effect
	Transitions    int             `json:"transitions"`
	Retries        int             `json:"retries"`
	Faults         int             `json:"faults"` // calls that a fault hit
}

// Summary counts the run; Met, Unmet and Broken are left to Judge.
func (r *Run) Summary() Summary {
	s := Summary{
		Story: r.Story.Name, Path: []string{}, Calls: map[string]int{},
		VirtualSeconds: r.Ended.Sub(r.Started).Seconds(), RealSeconds: r.Took.Seconds(),
	}
	for _, call := range r.Calls {
		s.Calls[operationOf(call)]++
		switch {
		case call.Fault != "":
			s.Faults++
		case call.Error != "" && !isAnswer(call):
			s.RefusedCalls++
		}
		if call.Mutating && call.Done {
			s.Mutations++
		}
	}
	for i, e := range r.Executions {
		if i == 0 {
			s.Outcome, s.Path = e.outcome(), e.Path()
		}
		s.Transitions += e.Transitions()
		s.Retries += e.Retries()
	}
	return s
}

// Judge is the summary with the story's verdict.
func (r *Run) Judge() Summary {
	s := r.Summary()
	s.Broken = r.Invariants()
	if !r.byHand {
		s.Unmet = r.Check()
	}
	for _, operation := range r.unknown {
		s.Broken = append(s.Broken, "the emulator does not know "+operation)
	}
	s.Met = len(s.Unmet) == 0 && len(s.Broken) == 0
	return s
}

// isAnswer tells whether an error is an answer rather than a refusal: the record has no such object yet, a conditional write lost,
// or there is no subscription, or no Q index.
func isAnswer(call emulator.Call) bool {
	switch call.Error {
	case "NoSuchKey", "PreconditionFailed":
		return call.Service == "s3"
	case "ResourceNotFoundException":
		return call.Operation == "DescribeAccountSubscription" || call.Operation == "DescribeDefaultQBusinessApplication"
	}
	return false
}

// tokens are all task tokens of the run.
func (r *Run) tokens() []string {
	var tokens []string
	for _, e := range r.Executions {
		tokens = append(tokens, e.tokens...)
	}
	return tokens
}

func (r *Run) byName(name string) *Execution { return r.names[name] }

// outcome is what the last report says, or what Step Functions says where no report was written.
func (e *Execution) outcome() closing.Outcome {
	if e.Report != nil {
		return e.Report.Outcome
	}
	if e.Fleet != nil {
		return e.Fleet.Outcome
	}
	if e.Status() == asl.Succeeded {
		return ""
	}
	return closing.Outcome(e.Error())
}

// account is the account that the execution's input names, "" where it names none.
func (e *Execution) account() string {
	parts := strings.Split(e.Folder, "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}
