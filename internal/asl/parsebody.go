package asl

import (
	"strings"
)

// body compiles what only one type of state has.
func (l *stateLoader) body() error {
	switch l.state.is {
	case taskState:
		return l.task()
	case choiceState:
		return l.choice()
	case waitState:
		return l.waiting()
	case failState:
		return l.failing()
	case parallelState:
		return l.parallel()
	case mapState:
		return l.mapping()
	}
	return nil
}

func (l *stateLoader) task() error {
	resource, ok := typed[string](l.source, "Resource")
	if !ok {
		return l.fail("Resource", "it must be an ARN")
	}
	t, ok := parseResource(resource)
	if !ok {
		return l.fail("Resource", "%q is neither a function, an activity nor a service integration", resource)
	}
	var err error
	if t.timeout, err = l.quantity(l.source, "TimeoutSeconds", 1, maxTimeout); err != nil {
		return err
	}
	if t.heartbeat, err = l.quantity(l.source, "HeartbeatSeconds", 1, maxTimeout); err != nil {
		return err
	}
	if t.timeout != nil && t.heartbeat != nil && t.timeout.constant > 0 && t.heartbeat.constant >= t.timeout.constant {
		return l.fail("HeartbeatSeconds", "it must be smaller than TimeoutSeconds")
	}
	l.state.task = t
	t.role, err = l.credentials()
	return err
}

// credentials compiles Credentials, whose only field is RoleArn.
func (l *stateLoader) credentials() (*template, error) {
	t, err := l.template(l.source, "Credentials", l.before())
	if t == nil || err != nil {
		return nil, err
	}
	o, ok := typed[*object](l.source, "Credentials")
	if !ok || len(o.members) != 1 || strings.TrimSuffix(o.members[0].key, ".$") != "RoleArn" {
		return nil, l.fail("Credentials", "it must be an object with RoleArn")
	}
	return t, nil
}

// parseResource takes the ARN of a Task apart.
//
//	arn:aws:states:::lambda:invoke.waitForTaskToken   a service integration
//	arn:aws:states:::aws-sdk:s3:getObject             an SDK integration
//	arn:aws:states:eu-west-1:111122223333:activity:x  an activity
//	arn:aws:lambda:eu-west-1:111122223333:function:x  a function, whose result comes without an envelope
func parseResource(arn string) (*task, bool) {
	t := &task{resource: arn}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return nil, false
	}
	switch name := parts[5]; {
	case parts[2] == "lambda" && strings.HasPrefix(name, "function:"):
		t.pattern = directFunction
	case parts[2] == "states" && parts[3] != "" && strings.HasPrefix(name, "activity:"):
		t.pattern = activity
	case parts[2] == "states" && parts[3] == "" && parts[4] == "":
		colon := strings.LastIndexByte(strings.TrimSuffix(name, ":2"), ':') // .sync:2 has a colon of its own
		if colon <= 0 {
			return nil, false
		}
		t.service, t.action = name[:colon], name[colon+1:]
		action, suffix, _ := strings.Cut(t.action, ".")
		switch suffix {
		case "":
		case "sync", "sync:2":
			t.pattern = syncJob
		case "waitForTaskToken":
			t.pattern = callback
		default:
			return nil, false
		}
		if action == "" || strings.Contains(t.service, ":") && !strings.HasPrefix(t.service, "aws-sdk:") {
			return nil, false
		}
	default:
		return nil, false
	}
	return t, true
}

func (l *stateLoader) choice() error {
	var known []string
	if l.state.jsonata {
		known = []string{"Condition", "Next", "Assign", "Output", "Comment"}
	}
	items, err := l.list("Choices", known...)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return l.fail("Choices", "it must be a list with at least one rule")
	}
	for _, o := range items {
		var r choiceRule
		if r.next, err = l.target(o, "Next"); err != nil {
			return err
		}
		if r.assign, err = l.assignment(o, l.afterwards()); err != nil {
			return err
		}
		if l.state.jsonata {
			if r.condition, err = l.template(o, "Condition", l.afterwards()); err != nil {
				return err
			}
			if r.condition == nil || r.condition.expression == nil && r.condition.constant != true && r.condition.constant != false {
				return l.fail("Condition", "it must be a JSONata expression, true or false")
			}
			if r.output, err = l.template(o, "Output", l.afterwards()); err != nil {
				return err
			}
		} else if r.test, err = compileTest(o, 0); err != nil {
			return l.fail("Choices", "%s", err)
		}
		l.state.choices = append(l.state.choices, r)
	}
	if l.has("Default") {
		l.state.fallback, err = l.target(l.source, "Default")
	}
	return err
}

func (l *stateLoader) waiting() error {
	w := &wait{}
	var given []string
	for _, f := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if l.has(f) {
			given = append(given, f)
		}
	}
	if len(given) != 1 {
		return l.fail("Seconds", "exactly one of Seconds and Timestamp must be given")
	}
	var err error
	switch given[0] {
	case "SecondsPath":
		w.secondsPath, err = l.path(l.source, "SecondsPath")
	case "TimestampPath":
		w.timestampPath, err = l.path(l.source, "TimestampPath")
	case "Seconds":
		if w.seconds, err = l.template(l.source, "Seconds", l.afterwards()); err == nil && w.seconds.isConstant {
			if n, ok := integer(w.seconds.constant); !ok || n < 0 || n > maxTimeout {
				err = l.fail("Seconds", "it must be a whole number from 0 to %d", maxTimeout)
			}
		}
	case "Timestamp":
		if w.timestamp, err = l.template(l.source, "Timestamp", l.afterwards()); err == nil && w.timestamp.isConstant {
			if _, ok := moment(w.timestamp.constant); !ok {
				err = l.fail("Timestamp", "it must be an ISO 8601 timestamp with an offset, such as 2026-01-31T12:00:00Z")
			}
		}
	}
	l.state.wait = w
	return err
}

func (l *stateLoader) failing() error {
	f := &fail{}
	for _, part := range []struct {
		field string
		to    **template
	}{{"Error", &f.errors}, {"Cause", &f.cause}} {
		if l.has(part.field) && l.has(part.field+"Path") {
			return l.fail(part.field, "%s and %sPath exclude each other", part.field, part.field)
		}
		t, err := l.template(l.source, part.field, l.afterwards())
		if err != nil {
			return err
		}
		if t != nil && t.isConstant {
			if _, ok := t.constant.(string); !ok {
				return l.fail(part.field, "it must be a string")
			}
		}
		if v, ok := l.source.get(part.field + "Path"); ok {
			if t, err = compileReference(v, part.field+"Path"); err != nil {
				return l.fail(part.field+"Path", "%s", err)
			}
		}
		*part.to = t
	}
	l.state.fail = f
	return nil
}

func (l *stateLoader) parallel() error {
	items, err := l.list("Branches", "StartAt", "States", "Comment")
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return l.fail("Branches", "it must be a list with at least one branch")
	}
	for _, o := range items {
		g, err := l.inner(o)
		if err != nil {
			return err
		}
		l.state.branches = append(l.state.branches, g)
	}
	return nil
}

// inner compiles a branch or an item processor.
func (l *stateLoader) inner(o *object) (*graph, error) {
	return l.loader.graph(o, l.state.jsonata, l.state.name, l.depth+1, l.assigned)
}
