package asl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"
)

// seeds gives every definition and input of testdata.
func seeds(f *testing.F, add func(definition, input []byte)) {
	f.Helper()
	for _, pattern := range []string{"rules", "refused"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern, "*.txtar"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			_, parts := readArchive(f, file)
			add(parts["definition.json"], parts["input.json"])
		}
	}
}

// FuzzMachine: a definition is refused by an error with a place, or it runs and ends, or waits for an answer that
// nobody gives.
func FuzzMachine(f *testing.F) {
	seeds(f, func(definition, input []byte) { f.Add(definition, input) })
	f.Fuzz(func(t *testing.T, definition, input []byte) {
		m, err := Parse(definition)
		if err != nil {
			var refused *ParseError
			if !errors.As(err, &refused) || refused.Message == "" {
				t.Fatalf("not a *ParseError: %v", err)
			}
			return
		}
		o := options(taskFunc(func(task Task) Outcome {
			return Outcome{Output: task.Payload, Failed: task.Attempt%2 == 1, Error: "E"}
		}), input)
		o.Objects = everyObject(input)
		e := m.Start(o)
		e.Run(t.Context())
		if e.Redrive(e.Stopped()) == nil {
			e.Run(t.Context())
		}
		if _, due := e.Next(); due {
			t.Error("something is due after Run")
		}
		for _, r := range e.MapRuns() {
			for _, c := range r.Children {
				if c.Status == Running && e.Status() != Running {
					t.Errorf("a child execution of %s runs in an execution that has %s", r.ARN, e.Status())
				}
			}
		}
		for _, v := range e.History() {
			raw, err := json.Marshal(v)
			if err != nil || !json.Valid(raw) {
				t.Fatalf("event %s: %v", raw, err)
			}
		}
		if e.Status() == Succeeded && !json.Valid(e.Output()) {
			t.Errorf("output %s", e.Output())
		}
	})
}

// everyObject is an S3 in which every object has the same content.
type everyObject []byte

func (o everyObject) GetObject(context.Context, ObjectCall) ([]byte, error) { return o, nil }

func (o everyObject) ListObjectsV2(_ context.Context, c ObjectCall) ([]Object, error) {
	return []Object{{Key: c.Key}}, nil
}

func (o everyObject) PutObject(context.Context, ObjectCall, []byte) error { return nil }

// FuzzExpression: an expression compiles or not, and evaluates in time; the short way gives what the engine gives.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{
		`$states.input.a`, `$states.input.a.b = "x"`, `$x > 3`, `$x.y != null`, `$states.input.l.n`, `"text"`, `-1.5e3`, `true`,
		`$states.input.n < 3 and $states.input.s = 'x'`, `$states.input.n >= 3 or $x = 1`, `$sum($states.input.l.n)`,
		`($f := function($n) { $n <= 1 ? 1 : $n * $f($n - 1) }; $f(9))`, `$states.input.l[n > 1]`, `{'a': $states.input.a, "b": {'l': $x.l, 'n': 1}}`,
		`$merge([$states.input, {'a': $x.n > 1}, $x.a])`, `$merge([{}, $states.input.l])`, `$partition($states.input.l, 2)`,
	} {
		f.Add(s, `{"a":{"b":"x"},"l":[{"n":1},{"n":2}],"n":2,"s":"x","x":{"y":null}}`)
	}
	f.Fuzz(func(t *testing.T, source, document string) {
		input, err := decode([]byte(document))
		if err != nil {
			return
		}
		e, err := compileExpression("{%" + source + "%}")
		if err != nil {
			return
		}
		ev := &evaluation{
			ctx: context.Background(), input: input, context: func() *object { return newObject(0) },
			variables: (*variables)(nil).assign(objectOf(member{"x", input})),
			volatile:  volatile{now: func() time.Time { return testStart }, random: func() float64 { return 0.5 }, uuid: counter()},
		}
		start := time.Now()
		short, err := e.evaluate(ev)
		if took := time.Since(start); took > 5*evaluationLimit {
			t.Errorf("it took %s", took)
		}
		if err == nil && !json.Valid(encode(short)) {
			t.Errorf("gives %s", encode(short))
		}
		if e.quick == nil {
			return
		}
		e.quick = nil
		long, err2 := e.evaluate(ev)
		if (err == nil) != (err2 == nil) || err == nil && !equal(short, long) {
			t.Errorf("the short way gives %v %v, the engine %v %v", short, err, long, err2)
		}
	})
}

// FuzzPath: a path parses or not, and reads in bounded time.
func FuzzPath(f *testing.F) {
	for _, s := range []string{`$`, `$.a.b[0]`, `$$.Execution`, `$x.y`, `$..n`, `$.l[*].n`, `$.l[?(@.n > 1 && @.t == 'y')]`, `$['a','b']`, `$.l[-1:]`, `$.l.length()`, `$.l[?(!(@.n in [1,2]))]`} {
		f.Add(s, `{"a":{"b":[1]},"l":[{"n":1,"t":"y"},{"n":2}]}`)
	}
	f.Fuzz(func(t *testing.T, source, document string) {
		input, err := decode([]byte(document))
		if err != nil {
			return
		}
		p, err := parsePath(source)
		if err != nil {
			return
		}
		v, err := p.read(input)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		if raw := encode(v); !json.Valid(raw) {
			t.Errorf("gives %s", raw)
		}
		if p.isReference() {
			replaced, err := p.replace(input, "new")
			if err != nil {
				t.Fatalf("%s can be read but not replaced: %v", source, err)
			}
			if got, err := p.read(replaced); err != nil || got != "new" {
				t.Errorf("after replacing it reads %v %v", got, err)
			}
		}
	})
}

// FuzzIntrinsic: a call parses or not, and gives JSON or an error.
func FuzzIntrinsic(f *testing.F) {
	for _, s := range []string{`States.Format('{} \{', $.a)`, `States.MathAdd(1, 2.5)`, `States.Array(1, States.UUID(), $$.x)`, `States.ArrayRange(0, 9, 2)`, `States.StringSplit($.a, ',')`, `States.MathRandom(1, 5, 7)`, `States.JsonMerge($, $, false)`} {
		f.Add(s)
	}
	input := objectOf(member{"a", "x,y"})
	f.Fuzz(func(t *testing.T, source string) {
		c, err := parseCall(source)
		if err != nil {
			return
		}
		ev := &evaluation{input: input, context: func() *object { return input }, volatile: volatile{random: func() float64 { return 0.5 }, uuid: counter()}}
		if v, err := c.evaluate(ev); err == nil && !json.Valid(encode(v)) {
			t.Errorf("gives %s", encode(v))
		}
	})
}

// FuzzJSON: our decoder takes what encoding/json takes, and both directions agree.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.50,-0,1e9,"\u00e9\ud83d\ude00\n"],"b":null,"a":true}`, `[]`, `"x`, `{"a":1,}`, `01`, ` 1 `, "\"\xff\"", `{"a" : {"b":{}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := decode(raw)
		if (err == nil) != json.Valid(raw) {
			t.Fatalf("decode says %v, encoding/json says valid = %v", err, json.Valid(raw))
		}
		if err != nil {
			return
		}
		var theirs, ours any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&theirs); err != nil {
			t.Fatal(err)
		}
		d = json.NewDecoder(bytes.NewReader(encode(v)))
		d.UseNumber()
		if err := d.Decode(&ours); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(theirs)
		b, _ := json.Marshal(ours)
		if !bytes.Equal(a, b) {
			t.Errorf("%s became %s", a, b)
		}
		if size := len(encode(v)); measure(v, math.MaxInt32) != math.MaxInt32-size {
			t.Errorf("measured %d, it is %d", math.MaxInt32-measure(v, math.MaxInt32), size)
		}
	})
}
