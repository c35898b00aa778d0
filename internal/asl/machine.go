package asl

// Machine is a state machine that is ready to run. It is immutable: one Machine runs any number of executions, also at
// the same time.
type Machine struct {
	graph   *graph
	states  []*state // every state of the machine, nested ones too, by index
	timeout int64    // seconds; 0 is none
	jsonata bool
}

// States gives the names of all states, nested ones too, in the order of the definition.
func (m *Machine) States() []string {
	names := make([]string, len(m.states))
	for i, s := range m.states {
		names[i] = s.name
	}
	return names
}

// graph is one object with StartAt and States: the machine itself, a branch, an item processor.
type graph struct {
	start  *state
	states map[string]*state
}

// state is a compiled state. Which of the groups below is set follows from is.
type state struct {
	index   int
	name    string
	is      stateType
	jsonata bool
	entered EventType
	exited  EventType
	next    *state // nil with End, and where the type decides otherwise

	// Data flow of JSONPath states.
	inputPath      *path // nil is "$"
	inputNone      bool  // InputPath null
	outputPath     *path
	outputNone     bool
	parameters     *template
	resultSelector *template
	resultPath     *path // nil is "$"
	resultNone     bool  // ResultPath null

	// Data flow of JSONata states.
	arguments *template
	output    *template

	assign *template
	retry  []retrier
	catch  []catcher

	result   *template // Pass
	task     *task
	choices  []choiceRule
	fallback *state // Choice's Default
	wait     *wait
	fail     *fail
	branches []*graph // Parallel
	each     *each    // Map
}

// task is the part of a Task state.
type task struct {
	resource  string
	service   string // lambda, sqs, aws-sdk:s3: the resourceType of events; empty for a function or an activity ARN
	action    string // invoke, sendMessage.waitForTaskToken
	pattern   pattern
	timeout   *quantity
	heartbeat *quantity
	role      *template // Credentials.RoleArn
}

// pattern is how a task's result arrives.
type pattern uint8

const (
	requestResponse pattern = iota // service integration: the answer of the call
	syncJob                        // .sync: the result of the job that the call started
	callback                       // .waitForTaskToken
	directFunction                 // the ARN of a Lambda function
	activity                       // the ARN of an activity: a worker fetches the task and answers with its token
)

// quantity is a number that may come from a path or an expression.
type quantity struct {
	field      string
	constant   float64
	path       *path
	expression *expression
}

type wait struct {
	seconds, timestamp *template // constants and expressions
	secondsPath        *path
	timestampPath      *path
}

type fail struct {
	errors, cause *template // constants, expressions, paths and calls
}

// each is the part of a Map state.
type each struct {
	graph       *graph
	items       *template // JSONata
	itemsPath   *path
	selector    *template
	concurrency *quantity
	count       *quantity // tolerated failures
	percentage  *quantity
	distributed bool
	express     bool // the child executions
	label       string
	reader      *reader
	batcher     *batcher
	writer      *writer
}

type retrier struct {
	errors   []string
	interval float64
	attempts int
	backoff  float64
	limit    float64 // MaxDelaySeconds; 0 is none
	full     bool    // JitterStrategy FULL
}

type catcher struct {
	errors     []string
	next       *state
	resultPath *path
	resultNone bool
	assign     *template
	output     *template
}
