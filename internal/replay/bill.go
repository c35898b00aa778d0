package replay

import (
	"fmt"
	"io"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// Bill is what a run would have used of AWS, by what the replay has counted: neither free tiers nor what is billed by the month, and of
// other services nothing, whose calls cost nothing.
type Bill struct {
	Executions  int
	Transitions int           // of Standard workflows, retries included
	Invocations int           // of Lambda functions
	Busy        time.Duration // of all of them, by the latencies that the emulator assumes
	GBSeconds   float64
	Puts, Gets  int // of S3; a list counts as a put
	Describes   int // of DescribeExecution
	Histories   int // of GetExecutionHistory
}

// List prices of us-east-1, in USD.
// https://aws.amazon.com/step-functions/pricing/ https://aws.amazon.com/lambda/pricing/ (Arm) https://aws.amazon.com/s3/pricing/
const (
	perTransition = 0.025 / 1000
	perInvocation = 0.20 / 1e6
	perGBSecond   = 0.0000133334
	perPut        = 0.005 / 1000
	perGet        = 0.0004 / 1000
)

// USD is the bill's sum.
func (b Bill) USD() float64 {
	return float64(b.Transitions)*perTransition + float64(b.Invocations)*perInvocation + b.GBSeconds*perGBSecond +
		float64(b.Puts)*perPut + float64(b.Gets)*perGet
}

// quotas are what Step Functions lets an account do in a second, on end, and how much of it a bill has.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
var quotas = []struct {
	what            string
	used            func(Bill) int
	largest, others float64 // in us-east-1, us-west-2 and eu-west-1, and elsewhere
}{
	{"state transitions", func(b Bill) int { return b.Transitions }, 5000, 800},
	{"StartExecution", func(b Bill) int { return b.Executions }, 300, 150},
	{"DescribeExecution", func(b Bill) int { return b.Describes }, 15, 15},
	{"GetExecutionHistory", func(b Bill) int { return b.Histories }, 20, 20},
}

// throttled is how long the quotas alone make what was used take, and which of them does.
func (b Bill) throttled(elsewhere bool) (least time.Duration, by string) {
	for _, q := range quotas {
		perSecond := q.largest
		if elsewhere {
			perSecond = q.others
		}
		if took := time.Duration(float64(q.used(b)) / perSecond * float64(time.Second)); took >= least {
			least, by = took, fmt.Sprintf("%s, %g a second", q.what, perSecond)
		}
	}
	return least, by
}

// Bill adds up what the run used.
func (r *Run) Bill() Bill {
	b := r.used
	for _, e := range r.Executions {
		b.Executions++
		b.Transitions += e.Transitions()
	}
	return b
}

// WriteBill prints what the run would have cost, and how long it takes.
func (r *Run) WriteBill(w io.Writer) {
	b := r.Bill()
	fmt.Fprintf(w, "executions %d, state transitions %d, Lambda invocations %d for %s (%.0f GB-s), S3 %d puts and lists, %d gets: USD %.2f at list prices\n",
		b.Executions, b.Transitions, b.Invocations, b.Busy.Round(time.Second), b.GBSeconds, b.Puts, b.Gets, b.USD())
	fmt.Fprintf(w, "virtual time %s, people's decision and cooling off included\n", r.Ended.Sub(r.Started).Round(time.Second))
	for _, where := range []string{"us-east-1, us-west-2, eu-west-1", "other regions"} {
		least, by := b.throttled(where == "other regions")
		fmt.Fprintf(w, "the quotas of Step Functions alone make it take %s at least in %s (%s)\n", least.Round(time.Second), where, by)
	}
}

// count notes a call that costs something, or of which AWS lets an account make only so many.
func (b *Bill) count(call emulator.Call) {
	switch {
	case call.Operation == "DescribeExecution":
		b.Describes++
	case call.Operation == "GetExecutionHistory":
		b.Histories++
	case call.Service != "s3":
	case call.Operation == "GetObject", call.Operation == "HeadObject":
		b.Gets++
	default:
		b.Puts++
	}
}

// charge notes an invocation that was answered.
func (p *player) charge(folder string, out asl.Outcome) {
	f, _ := workflow.Lookup(folder)
	p.noting.Lock()
	defer p.noting.Unlock()
	p.run.used.Invocations++
	p.run.used.Busy += out.After
	p.run.used.GBSeconds += out.After.Seconds() * float64(f.Memory) / 1024
}
