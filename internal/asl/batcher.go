package asl

import "fmt"

// batcher is the ItemBatcher of a Map state.
//
// AWS: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
type batcher struct {
	items, bytes *quantity // MaxItemsPerBatch, MaxInputBytesPerBatch
	input        *template // BatchInput
}

// batches makes the inputs of child executions of the items, and says how many items each has.
func (e *Execution) batches(b *branch, input any, items []any) (inputs []any, sizes []int, f *failure) {
	m := b.state.each.batcher
	most, f := e.see(b, input).quantity(m.items)
	if f != nil {
		return nil, nil, f
	}
	bytes, f := e.see(b, input).quantity(m.bytes)
	switch {
	case f != nil:
		return nil, nil, f
	case most < 0:
		return nil, nil, runtimeFailure("MaxItemsPerBatch cannot be negative.")
	case bytes < 0 || bytes > maxData:
		return nil, nil, runtimeFailure("MaxInputBytesPerBatch must be between 0 and %d.", maxData)
	}
	frame := newObject(2)
	if m.input != nil {
		common, f := e.see(b, input).fill(m.input)
		if f != nil {
			return nil, nil, f
		}
		frame.set("BatchInput", common)
	}
	groups, err := group(items, frame, int(most), int(bytes))
	if err != nil {
		return nil, nil, failed(errorDataLimit, err.Error())
	}
	for _, g := range groups {
		inputs = append(inputs, frame.with("Items", g))
		sizes = append(sizes, len(g))
	}
	return inputs, sizes, nil
}

// group puts items into batches in their order: each with at most so many items and, inside the frame, bytes; 0 is no
// limit but that of an input.
func group(items []any, frame *object, most, bytes int) ([][]any, error) {
	if bytes == 0 {
		bytes = maxData
	}
	room := measure(frame.with("Items", []any{}), bytes)
	var groups [][]any
	left := 0
	start := 0
	for i, v := range items {
		full := most > 0 && i-start >= most
		rest := measure(v, left) - 1 // the comma
		if i == start || full || rest < 0 {
			if i > start {
				groups = append(groups, items[start:i:i])
			}
			start = i
			if rest = measure(v, room); rest < 0 {
				return nil, fmt.Errorf("item %d does not fit into a batch of %d bytes", i, bytes)
			}
		}
		left = rest
	}
	if start < len(items) {
		groups = append(groups, items[start:])
	}
	return groups, nil
}
