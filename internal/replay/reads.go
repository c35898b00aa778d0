package replay

import (
	"encoding/json"
	"strings"

	"quicksight-unsubscribe/internal/emulator"
)

// reads lists the calls that neither change the target nor touch our own record, notices and executions.
func (r *Run) reads() []emulator.Call {
	var reads []emulator.Call
	for _, call := range r.Calls {
		switch call.Service {
		case "s3", "sns", "events", "states", "ssm":
		default:
			if !call.Mutating {
				reads = append(reads, call)
			}
		}
	}
	return reads
}

// fewestReads is how many reads a closing cannot do without, whatever it asks: for each of the two inventories one per kind,
// region, parent and page; for each pass of a delete step likewise. Nothing is granted to the other states,
// so what they read must fit into what a story allows beyond this.
func (r *Run) fewestReads() int {
	needed := map[string]bool{}
	for _, call := range r.reads() {
		run, rest, _ := strings.Cut(call.Invocation, "/")
		state, _, _ := strings.Cut(rest, "#")
		asked := call.Service + ":" + call.Operation + " in " + call.Region + " of " + portion(call)
		switch state {
		case "Take Inventory", "Retake Inventory": // however many invocations it takes
			needed[run+"/"+state+" "+asked] = true
		case "Delete Subscription", "Delete Directory", "Delete VPC": // each invocation is a pass
			needed[call.Invocation+" "+asked] = true
		}
	}
	return len(needed)
}

// portion tells which part of a list a call asked for: the parent whose children it lists, or the item that has a
// call of its own, and the page.
func portion(call emulator.Call) string {
	var params map[string]any
	if err := json.Unmarshal(call.Params, &params); err != nil {
		panic("replay: the journal holds parameters that are not JSON: " + err.Error())
	}
	out := map[string]any{}
	for _, name := range []string{"Namespace", "GroupName", "DataSetId", "DashboardId", "NextToken", "Marker"} {
		if params[name] != nil {
			out[name] = params[name]
		}
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		panic("replay: parameters cannot be encoded again: " + err.Error())
	}
	return string(encoded)
}
