// Package asl runs Amazon States Language: Parse compiles a definition, and an Execution of the Machine goes forward as
// its clock is moved, with the history that Step Functions would record.
//
// The package does no input or output. Who does the work of a Task state is passed in as Tasks, randomness and ids as
// functions, and time by Advance; so the same inputs give the same history, byte for byte. An Execution keeps its
// position as data, without goroutines or closures: Clone forks it at any moment, Stop, Redrive and the answers to task
// tokens act on it between two steps.
//
//	parse.go, parsebody.go, parsemap.go
//	                        from JSON to machine.go; refuses what is invalid or not implemented
//	fields.go               the table of fields that it refuses by
//	execution.go, queue.go  an execution, and what is due when
//	branch.go               a thread of states
//	run.go                  entering and leaving states; Pass, Choice, Wait, Succeed, Fail
//	task.go, callback.go    Task states, task tokens
//	nested.go               tasks that start other executions
//	fan.go                  Parallel and Map
//	maprun.go, child.go     Map in DISTRIBUTED mode: runs and their child executions
//	reader.go, batcher.go   ItemReader, ItemBatcher
//	writer.go, objects.go   ResultWriter; the S3 that these use
//	retry.go, failure.go    errors, Retry, Catch
//	redrive.go, clone.go    going on after a failure, forking
//	template.go             Parameters, Arguments, Output, Assign, …
//	evaluation.go           what a template, a path or an expression can see
//	jsonata.go, native.go   expressions, through github.com/recolabs/gnata
//	functions.go            what Step Functions adds to JSONata
//	quick.go                expressions that need no engine
//	jsonpath.go, filter.go  paths
//	intrinsic.go, choice.go intrinsic functions, comparisons
//	history.go, context.go  events, the context object
//	value.go, json.go       JSON values that keep the order of members and the text of numbers
//	java.go                 texts that AWS's Java shows through
//
// Where AWS's documentation and what AWS does differ, what AWS does counts: a comment that says "recorded" rests on a
// history or an answer recorded from AWS.
//
// # What is implemented
//
// Both query languages, Standard workflows, every type of state. A Map in DISTRIBUTED mode reads CSV, JSON, JSON Lines
// and listings from S3; InputType MANIFEST and PARQUET are refused. Its child executions, STANDARD or EXPRESS, have names,
// context objects and histories of their own; MapRuns tells of them. The fields of states follow; the loader refuses
// every other field, and the missing ones. This part is written by TestDoc (go test -run TestDoc -update) from fields.go.
//
//   - Pass: Assign, Comment, End, InputPath (JSONPath), Next, Output (JSONata), OutputPath (JSONPath), Parameters
//     (JSONPath), QueryLanguage, Result (JSONPath), ResultPath (JSONPath), Type
//   - Task: Arguments (JSONata), Assign, Catch, Comment, Credentials, End, HeartbeatSeconds, HeartbeatSecondsPath
//     (JSONPath), InputPath (JSONPath), Next, Output (JSONata), OutputPath (JSONPath), Parameters (JSONPath),
//     QueryLanguage, Resource, ResultPath (JSONPath), ResultSelector (JSONPath), Retry, TimeoutSeconds,
//     TimeoutSecondsPath (JSONPath), Type
//   - Choice: Assign, Choices, Comment, Default, InputPath (JSONPath), Output (JSONata), OutputPath (JSONPath),
//     QueryLanguage, Type
//   - Wait: Assign, Comment, End, InputPath (JSONPath), Next, Output (JSONata), OutputPath (JSONPath),
//     QueryLanguage, Seconds, SecondsPath (JSONPath), Timestamp, TimestampPath (JSONPath), Type
//   - Succeed: Comment, InputPath (JSONPath), Output (JSONata), OutputPath (JSONPath), QueryLanguage, Type
//   - Fail: Cause, CausePath (JSONPath), Comment, Error, ErrorPath (JSONPath), QueryLanguage, Type
//   - Parallel: Arguments (JSONata), Assign, Branches, Catch, Comment, End, InputPath (JSONPath), Next, Output
//     (JSONata), OutputPath (JSONPath), Parameters (JSONPath), QueryLanguage, ResultPath (JSONPath),
//     ResultSelector (JSONPath), Retry, Type
//   - Map: Assign, Catch, Comment, End, InputPath (JSONPath), ItemBatcher, ItemProcessor, ItemReader,
//     ItemSelector, Items (JSONata), ItemsPath (JSONPath), Iterator, Label, MaxConcurrency, MaxConcurrencyPath
//     (JSONPath), Next, Output (JSONata), OutputPath (JSONPath), Parameters (JSONPath), QueryLanguage, ResultPath
//     (JSONPath), ResultSelector (JSONPath), ResultWriter, Retry, ToleratedFailureCount, ToleratedFailureCountPath
//     (JSONPath), ToleratedFailurePercentage, ToleratedFailurePercentagePath (JSONPath), Type
//
// In a Map:
//
//   - ProcessorConfig: ExecutionType, Mode
//   - ItemReader: Arguments (JSONata), Parameters (JSONPath), ReaderConfig, Resource
//   - ReaderConfig: CSVDelimiter, CSVHeaderLocation, CSVHeaders, InputType, ItemsPointer, MaxItems, MaxItemsPath
//     (JSONPath)
//   - ItemBatcher: BatchInput, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath (JSONPath), MaxItemsPerBatch,
//     MaxItemsPerBatchPath (JSONPath)
//   - ResultWriter: Arguments (JSONata), Parameters (JSONPath), Resource, WriterConfig
//   - WriterConfig: OutputType, Transformation
//
// Missing:
//
//   - ManifestType of ReaderConfig: inventories and Athena manifests are not read
//   - Transformation of ReaderConfig: the objects of a listing are not read
//
// Intrinsic functions: States.Array, States.ArrayContains, States.ArrayGetItem, States.ArrayLength,
// States.ArrayPartition, States.ArrayRange, States.ArrayUnique, States.Base64Decode, States.Base64Encode,
// States.Format, States.Hash, States.JsonMerge, States.JsonToString, States.MathAdd, States.MathRandom,
// States.StringSplit, States.StringToJson, States.UUID.
//
// Comparisons of a JSONPath Choice, each but those that begin with Is and StringMatches with a Path variant too:
// BooleanEquals, IsBoolean, IsNull, IsNumeric, IsPresent, IsString, IsTimestamp, NumericEquals,
// NumericGreaterThan, NumericGreaterThanEquals, NumericLessThan, NumericLessThanEquals, StringEquals,
// StringGreaterThan, StringGreaterThanEquals, StringLessThan, StringLessThanEquals, StringMatches,
// TimestampEquals, TimestampGreaterThan, TimestampGreaterThanEquals, TimestampLessThan, TimestampLessThanEquals;
// And, Or, Not.
//
// JSONata functions beyond JSONata's own: $hash, $millis, $now, $parse, $partition, $random, $range, $uuid; $eval
// is refused.
package asl
