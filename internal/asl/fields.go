package asl

import "strings"

// stateType is a set of state types; a single state has exactly one.
type stateType uint16

const (
	passState stateType = 1 << iota
	taskState
	choiceState
	waitState
	succeedState
	failState
	parallelState
	mapState

	anyState   stateType = 1<<iota - 1
	fanState             = parallelState | mapState
	workState            = taskState | fanState
	flowState            = passState | waitState | workState // the states with Next or End
	notFail              = anyState &^ failState
	assignable           = flowState | choiceState
)

var stateTypes = []struct {
	name string
	is   stateType
}{
	{"Pass", passState}, {"Task", taskState}, {"Choice", choiceState}, {"Wait", waitState},
	{"Succeed", succeedState}, {"Fail", failState}, {"Parallel", parallelState}, {"Map", mapState},
}

func (t stateType) String() string {
	var names []string
	for _, s := range stateTypes {
		if t&s.is != 0 {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ", ")
}

// language says which query language a field belongs to.
type language uint8

const (
	inBoth language = iota
	inJSONPath
	inJSONata
)

func (l language) String() string { return [...]string{"both", "JSONPath", "JSONata"}[l] }

// field is a row of the table of everything that a state may say. The loader refuses what is not in it, and what is
// marked as missing; the package documentation is checked against it.
type field struct {
	name    string
	states  stateType
	in      language
	missing string // why the field is refused; empty where it is implemented
}

var fields = []field{
	{"Type", anyState, inBoth, ""},
	{"Comment", anyState, inBoth, ""},
	{"QueryLanguage", anyState, inBoth, ""},
	{"Next", flowState, inBoth, ""},
	{"End", flowState, inBoth, ""},
	{"InputPath", notFail, inJSONPath, ""},
	{"OutputPath", notFail, inJSONPath, ""},
	{"Parameters", passState | workState, inJSONPath, ""},
	{"ResultSelector", workState, inJSONPath, ""},
	{"ResultPath", passState | workState, inJSONPath, ""},
	{"Result", passState, inJSONPath, ""},
	{"Arguments", taskState | parallelState, inJSONata, ""},
	{"Output", notFail, inJSONata, ""},
	{"Assign", assignable, inBoth, ""},
	{"Retry", workState, inBoth, ""},
	{"Catch", workState, inBoth, ""},
	{"Resource", taskState, inBoth, ""},
	{"TimeoutSeconds", taskState, inBoth, ""},
	{"TimeoutSecondsPath", taskState, inJSONPath, ""},
	{"HeartbeatSeconds", taskState, inBoth, ""},
	{"HeartbeatSecondsPath", taskState, inJSONPath, ""},
	{"Credentials", taskState, inBoth, ""},
	{"Choices", choiceState, inBoth, ""},
	{"Default", choiceState, inBoth, ""},
	{"Seconds", waitState, inBoth, ""},
	{"SecondsPath", waitState, inJSONPath, ""},
	{"Timestamp", waitState, inBoth, ""},
	{"TimestampPath", waitState, inJSONPath, ""},
	{"Error", failState, inBoth, ""},
	{"ErrorPath", failState, inJSONPath, ""},
	{"Cause", failState, inBoth, ""},
	{"CausePath", failState, inJSONPath, ""},
	{"Branches", parallelState, inBoth, ""},
	{"Items", mapState, inJSONata, ""},
	{"ItemsPath", mapState, inJSONPath, ""},
	{"ItemProcessor", mapState, inBoth, ""},
	{"Iterator", mapState, inBoth, ""},
	{"ItemSelector", mapState, inBoth, ""},
	{"MaxConcurrency", mapState, inBoth, ""},
	{"MaxConcurrencyPath", mapState, inJSONPath, ""},
	{"ToleratedFailureCount", mapState, inBoth, ""},
	{"ToleratedFailureCountPath", mapState, inJSONPath, ""},
	{"ToleratedFailurePercentage", mapState, inBoth, ""},
	{"ToleratedFailurePercentagePath", mapState, inJSONPath, ""},
	{"Label", mapState, inBoth, ""},
	{"ItemReader", mapState, inBoth, ""},
	{"ItemBatcher", mapState, inBoth, ""},
	{"ResultWriter", mapState, inBoth, ""},
}

// parts are the fields of the objects that stand in the fields of a Map state; they are refused by like the others.
var parts = []struct {
	of string
	field
}{
	{"ProcessorConfig", field{"Mode", mapState, inBoth, ""}},
	{"ProcessorConfig", field{"ExecutionType", mapState, inBoth, ""}},
	{"ItemReader", field{"Resource", mapState, inBoth, ""}},
	{"ItemReader", field{"Parameters", mapState, inJSONPath, ""}},
	{"ItemReader", field{"Arguments", mapState, inJSONata, ""}},
	{"ItemReader", field{"ReaderConfig", mapState, inBoth, ""}},
	{"ReaderConfig", field{"InputType", mapState, inBoth, ""}},
	{"ReaderConfig", field{"CSVHeaderLocation", mapState, inBoth, ""}},
	{"ReaderConfig", field{"CSVHeaders", mapState, inBoth, ""}},
	{"ReaderConfig", field{"CSVDelimiter", mapState, inBoth, ""}},
	{"ReaderConfig", field{"ItemsPointer", mapState, inBoth, ""}},
	{"ReaderConfig", field{"MaxItems", mapState, inBoth, ""}},
	{"ReaderConfig", field{"MaxItemsPath", mapState, inJSONPath, ""}},
	{"ReaderConfig", field{"ManifestType", mapState, inBoth, "inventories and Athena manifests are not read"}},
	{"ReaderConfig", field{"Transformation", mapState, inBoth, "the objects of a listing are not read"}},
	{"ItemBatcher", field{"MaxItemsPerBatch", mapState, inBoth, ""}},
	{"ItemBatcher", field{"MaxItemsPerBatchPath", mapState, inJSONPath, ""}},
	{"ItemBatcher", field{"MaxInputBytesPerBatch", mapState, inBoth, ""}},
	{"ItemBatcher", field{"MaxInputBytesPerBatchPath", mapState, inJSONPath, ""}},
	{"ItemBatcher", field{"BatchInput", mapState, inBoth, ""}},
	{"ResultWriter", field{"Resource", mapState, inBoth, ""}},
	{"ResultWriter", field{"Parameters", mapState, inJSONPath, ""}},
	{"ResultWriter", field{"Arguments", mapState, inJSONata, ""}},
	{"ResultWriter", field{"WriterConfig", mapState, inBoth, ""}},
	{"WriterConfig", field{"Transformation", mapState, inBoth, ""}},
	{"WriterConfig", field{"OutputType", mapState, inBoth, ""}},
}

// partOf finds the row of a field of an object in a Map state.
func partOf(name, object string) (field, bool) {
	for _, p := range parts {
		if p.of == object && p.name == name {
			return p.field, true
		}
	}
	return field{}, false
}

// fieldOf finds the row of a field of the given state type.
func fieldOf(name string, t stateType) (field, bool) {
	for _, f := range fields {
		if f.name == name && f.states&t != 0 {
			return f, true
		}
	}
	return field{}, false
}
