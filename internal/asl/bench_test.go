package asl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
)

// stubTasks answers every task at once.
type stubTasks struct{}

func (stubTasks) Do(context.Context, Task) Outcome {
	return Outcome{Output: json.RawMessage(`{"ok":true}`)}
}

func benchmark(b *testing.B, definition []byte, states int) {
	b.Helper()
	m, err := Parse(definition)
	if err != nil {
		b.Fatal(err)
	}
	o := Options{Input: json.RawMessage(`{"id":"a","n":5}`), Start: testStart, Tasks: stubTasks{}, UUID: counter()}
	ctx := context.Background()
	b.ReportAllocs()
	var e *Execution
	for b.Loop() {
		e = m.Start(o)
		e.Run(ctx)
	}
	if e.Status() != Succeeded {
		b.Fatalf("%s %s: %s", e.Status(), e.Error(), e.Cause())
	}
	if got := len(e.Path()); got != states {
		b.Fatalf("%d states, want %d", got, states)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "exec/s")
	b.ReportMetric(testing.AllocsPerRun(100, func() { m.Start(o).Run(ctx) })/float64(states), "allocs/state")
}

// BenchmarkTenStates runs the definition that other engines are measured with.
func BenchmarkTenStates(b *testing.B) {
	definition, err := os.ReadFile("../../../shared/bench/ten-states.asl.json")
	if err != nil {
		b.Skipf("the definition to compare with is not here: %v", err)
	}
	benchmark(b, definition, 10)
}

// BenchmarkTenStatesPeer runs the same definition in aws-local-stepfunctions, where ASL_PEER names the folder into which npm
// installed it.
func BenchmarkTenStatesPeer(b *testing.B) {
	dir := os.Getenv("ASL_PEER")
	if dir == "" {
		b.Skip("ASL_PEER names no folder: npm install --prefix DIR aws-local-stepfunctions@3.0.0, then make bench PEER=DIR")
	}
	var result struct {
		ExecutionsPerSecond float64 `json:"executionsPerSecond"`
	}
	for b.Loop() {
		const shared = "../../../shared/bench/"
		out, err := exec.Command("node", shared+"aws-local-stepfunctions.mjs", dir, shared+"ten-states.asl.json", "5000").Output()
		if err != nil {
			b.Fatalf("the peer: %v", err)
		}
		if err := json.Unmarshal(out, &result); err != nil {
			b.Fatalf("the peer's answer %s: %v", out, err)
		}
	}
	b.ReportMetric(result.ExecutionsPerSecond, "exec/s")
}

// BenchmarkTenStatesJSONata does the same with JSONata.
func BenchmarkTenStatesJSONata(b *testing.B) {
	benchmark(b, []byte(`{"QueryLanguage":"JSONata","StartAt":"S1","States":{
"S1":{"Type":"Pass","Output":{"id":"{% $states.input.id %}","n":"{% $states.input.n %}","kind":"order"},"Next":"S2"},
"S2":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n > 100 %}","Next":"Bad"}],"Default":"S3"},
"S3":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f1","Assign":{"t1":"{% $states.result %}"},"Output":"{% $merge([$states.input, {'t1': $states.result}]) %}","Next":"S4"},
"S4":{"Type":"Pass","Output":"{% $merge([$states.input, {'p1': {'x': 1}}]) %}","Next":"S5"},
"S5":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.kind = 'order' %}","Next":"S6"}],"Default":"Bad"},
"S6":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f2","Output":"{% $merge([$states.input, {'t2': $states.result}]) %}","Next":"S7"},
"S7":{"Type":"Pass","Output":"{% $merge([$states.input, {'p2': [1,2,3]}]) %}","Next":"S8"},
"S8":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n < 100 and $states.input.kind = 'order' %}","Next":"S9"}],"Default":"Bad"},
"S9":{"Type":"Pass","Next":"S10"},
"S10":{"Type":"Succeed"},
"Bad":{"Type":"Fail","Error":"Bad","Cause":"bad"}}}`), 10)
}

// BenchmarkDistributedMap runs a Map of so many child executions of two states, which read their items from S3 and write
// their results to it.
func BenchmarkDistributedMap(b *testing.B) {
	m, err := Parse([]byte(`{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":100,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Arguments":{"Bucket":"b","Key":"k"},"ReaderConfig":{"InputType":"JSONL"}},
"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"T","States":{
"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f","Payload":"{% $states.input %}"},"Output":"{% $states.result.Payload %}","Next":"P"},"P":{"Type":"Pass","End":true}}},
"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"b","Prefix":"out"}},"End":true}}}`))
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1_000, 10_000} {
		var lines bytes.Buffer
		for i := range n {
			fmt.Fprintf(&lines, `{"account":"%012d","digest":"sha256:0123456789abcdef"}`+"\n", i)
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			var before, after runtime.MemStats
			var e *Execution
			for b.Loop() {
				store := objects{"b/k": lines.Bytes()}
				runtime.GC()
				runtime.ReadMemStats(&before)
				e = m.Start(Options{
					StateMachineARN: "arn:aws:states:eu-west-1:111122223333:stateMachine:m", Start: testStart,
					Tasks: stubTasks{}, Objects: store, UUID: counter(),
				})
				e.Run(context.Background())
				runtime.GC()
				runtime.ReadMemStats(&after)
				if e.Status() != Succeeded || len(store) != 3 {
					b.Fatalf("%s %s: %s", e.Status(), e.Error(), e.Cause())
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "children/s")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "kept-B/child")
			runtime.KeepAlive(e)
		})
	}
}
