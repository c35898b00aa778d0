package asl

import (
	"strconv"
	"strings"
	"time"
)

// writer is the ResultWriter of a Map state.
//
// AWS: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
type writer struct {
	location       *template // Parameters or Arguments; nil: only the output of the state is formatted
	transformation string
	lines          bool // OutputType JSONL
}

// The values of Transformation.
const (
	transformNone    = "NONE"
	transformCompact = "COMPACT"
	transformFlatten = "FLATTEN"
)

// maxResultFile is the size at which a result file ends and the next one begins.
const maxResultFile = 5 << 30

// destination evaluates where the results go.
func (e *Execution) destination(b *branch, input any) (bucket, prefix string, f *failure) {
	v, f := e.see(b, input).fill(b.state.each.writer.location)
	if f != nil {
		return "", "", f
	}
	location, _ := v.(*object)
	bucket, ok := typed[string](location, "Bucket")
	if !ok || bucket == "" {
		return "", "", failed(errorWriter, "The Bucket of the ResultWriter must be a string, but was: "+text(v))
	}
	prefix, _ = typed[string](location, "Prefix")
	return bucket, prefix, nil
}

// folder is where the results of a Map Run lie.
func (r *mapRun) folder() string {
	if prefix := strings.TrimSuffix(r.prefix, "/"); prefix != "" {
		return prefix + "/" + r.id
	}
	return r.id
}

// output is what the Map state gives.
func (r *mapRun) output(w *writer) any {
	if w != nil && w.location != nil {
		return objectOf(
			member{"MapRunArn", r.arn},
			member{"ResultWriterDetails", objectOf(member{"Bucket", r.bucket}, member{"Key", r.folder() + "/manifest.json"})},
		)
	}
	transformation := transformCompact
	if w != nil {
		transformation = w.transformation
	}
	return r.results(Succeeded, transformation, true)
}

// results are those of the child executions that came to the status; with all of those that came to another one too,
// which are never transformed.
func (r *mapRun) results(status Status, transformation string, all bool) []any {
	out := make([]any, 0, len(r.children))
	for _, c := range r.children {
		switch list, isList := c.output.([]any); {
		case c.outcome() != status && !all:
		case c.status != Succeeded || transformation == transformNone:
			out = append(out, c.description())
		case isList && transformation == transformFlatten:
			out = append(out, list...)
		default:
			out = append(out, c.output)
		}
	}
	return out
}

// pending stands for child executions that have not started.
const pending Status = "PENDING"

// outcome is the kind of result file that a child execution stands in.
func (c *child) outcome() Status {
	switch c.status {
	case "", pendingRedrive:
		return pending
	case Succeeded:
		return Succeeded
	}
	return Failed
}

// description is what a result file says of a child execution.
func (c *child) description() *object {
	o := newObject(16)
	if c.status == "" {
		o.set("Input", text(c.input))
		o.set("InputDetails", objectOf(member{"Included", true}))
		o.set("StateMachineArn", c.run.machineARN)
		o.set("Status", string(pending))
		return o
	}
	if c.failure != nil {
		o.set("Cause", c.failure.cause)
		o.set("Error", c.failure.name)
	}
	o.set("ExecutionArn", c.arn())
	o.set("Input", text(c.input))
	o.set("InputDetails", objectOf(member{"Included", true}))
	o.set("Name", c.name)
	if c.status == Succeeded {
		o.set("Output", text(c.output))
		o.set("OutputDetails", objectOf(member{"Included", true}))
	}
	o.set("RedriveCount", float64(c.redrives))
	if c.status == Succeeded {
		o.set("RedriveStatus", "NOT_REDRIVABLE")
		o.set("RedriveStatusReason", "Execution is SUCCEEDED and cannot be redriven")
	} else {
		o.set("RedriveStatus", "REDRIVABLE_BY_MAP_RUN")
	}
	o.set("StartDate", timestamp(time.Unix(0, c.started)))
	o.set("StateMachineArn", c.run.machineARN)
	o.set("Status", string(c.status))
	o.set("StopDate", timestamp(time.Unix(0, c.stopped)))
	return o
}

// write writes the result files of a Map Run and the manifest that lists them, if the state asks for it.
func (e *Execution) write(b *branch) *failure {
	run, w := b.fan.run, b.state.each.writer
	if run.bucket == "" {
		return nil
	}
	put := func(key string, content []byte) *failure {
		if e.options.Objects == nil {
			return failed(errorWriter, "There is no S3 here to write results to.")
		}
		if err := e.options.Objects.PutObject(e.ev.ctx, e.objectCall(b, run.bucket, key), content); err != nil {
			return failed(errorWriter, err.Error())
		}
		return nil
	}
	extension := ".json"
	if w.lines {
		extension = ".jsonl"
	}
	files := newObject(3)
	for _, status := range []Status{Failed, pending, Succeeded} {
		listed := []any{}
		for i, content := range resultFiles(run.results(status, w.transformation, false), w.lines, maxResultFile) {
			key := run.folder() + "/" + string(status) + "_" + strconv.Itoa(i) + extension
			if f := put(key, content); f != nil {
				return f
			}
			listed = append(listed, objectOf(member{"Key", key}, member{"Size", float64(len(content))}))
		}
		files.set(string(status), listed)
	}
	return put(run.folder()+"/manifest.json", encode(objectOf(
		member{"DestinationBucket", run.bucket}, member{"MapRunArn", run.arn}, member{"ResultFiles", files},
	)))
}

// resultFiles writes results as JSON arrays or as JSON Lines, in files of at most so many bytes each, or of one result.
func resultFiles(results []any, lines bool, limit int) [][]byte {
	var files [][]byte
	var file []byte
	finish := func() {
		if file == nil {
			return
		}
		if !lines {
			file = append(file, ']')
		}
		files = append(files, file)
		file = nil
	}
	for _, r := range results {
		one := encode(r)
		if file != nil && len(file)+len(one)+2 > limit {
			finish()
		}
		switch {
		case lines:
			file = append(append(file, one...), '\n')
		case file == nil:
			file = append(append(file, '['), one...)
		default:
			file = append(append(file, ','), one...)
		}
	}
	finish()
	return files
}
