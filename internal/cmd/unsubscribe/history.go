package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/replay"
)

// draw writes the page of a real execution, from its history.
func (c *reportCommand) draw(s *surroundings, execution string) error {
	parsed, err := arn.Parse(execution)
	if err != nil || parsed.Service != "states" || !strings.HasPrefix(parsed.Resource, "execution:") {
		return &failure{exitUsage, fmt.Errorf("%q is not the ARN of an execution: arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME", execution)}
	}
	if c.Region == "" {
		c.Region = parsed.Region
	}
	cfg, err := c.load(s.ctx)
	if err != nil {
		return err
	}
	var history []asl.Event
	pages := sfn.NewGetExecutionHistoryPaginator(sfn.NewFromConfig(cfg), &sfn.GetExecutionHistoryInput{
		ExecutionArn: &execution, IncludeExecutionData: aws.Bool(true), MaxResults: 1000,
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(s.ctx)
		if err != nil {
			return fmt.Errorf("read the history of %s: %w", execution, err)
		}
		text, err := json.Marshal(out.Events)
		if err != nil {
			return fmt.Errorf("read the history of %s: %w", execution, err)
		}
		var events []asl.Event
		if err := json.Unmarshal(text, &events); err != nil {
			return fmt.Errorf("read the history of %s: %w", execution, err)
		}
		history = append(history, events...)
	}
	name := parsed.Resource[strings.LastIndex(parsed.Resource, ":")+1:]
	file := c.HTML
	if file == "" {
		file = name + ".html"
	}
	_, err = drawHistory(s, name, file, history)
	return err
}

// drawHistory writes the page of a history, prints where today's definition would go another way, and returns that.
func drawHistory(s *surroundings, name, file string, history []asl.Event) (string, error) {
	difference, err := replay.Retrace(s.ctx, nil, history)
	note := "Today's definition goes the same way."
	switch {
	case errors.Is(err, replay.ErrFleet):
		note = err.Error()
	case err != nil:
		return "", err
	case difference != "":
		note = "Today's definition goes another way: " + difference + "."
	}
	if file != "" {
		err = writePage(file, func(w io.Writer) error {
			return replay.HistoryPage(w, name, replay.DefinitionOf(history), history, []string{note})
		})
		if err != nil {
			return "", err
		}
		fmt.Fprintln(s.stdout, "page  ", file)
	}
	fmt.Fprintln(s.stdout, note)
	return difference, nil
}

// retrace is replay --history.
func (c *replayCommand) retrace(s *surroundings) error {
	text, err := os.ReadFile(c.History)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("the history: %w", err)}
	}
	history, err := replay.ReadHistory(text)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("%s: %w", c.History, err)}
	}
	name := strings.TrimSuffix(filepath.Base(c.History), ".json")
	file := ""
	if c.HTML != "" {
		file = filepath.Join(c.HTML, name+".html")
	}
	difference, err := drawHistory(s, name, file, history)
	if err == nil && difference != "" {
		return &failure{exitUnmet, nil}
	}
	return err
}

// writeHistories writes the history of each execution as get-execution-history prints it.
func writeHistories(dir string, run *replay.Run) error {
	for _, e := range run.Executions {
		text, err := json.MarshalIndent(map[string]any{"events": e.History()}, "", "  ")
		if err != nil {
			return fmt.Errorf("encode the history: %w", err)
		}
		path := filepath.Join(dir, run.Story.Name+"."+e.Name+".json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
	}
	return nil
}
