package boot

import (
	"io"
	"regexp"
)

// secrets are a callback's task token, wherever JSON names it, and the parts of a presigned URL that let somebody else use it.
var secrets = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?i)(\\*"(?:task)?token\\*"\s*:\s*\\*")[^"\\]*`), `${1}REDACTED`},
	{regexp.MustCompile(`(?i)(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s"\\]*`), `${1}REDACTED`},
}

// redact takes secrets out of a text that leaves the function: a line of the log, an error's message.
func redact(text string) string {
	for _, s := range secrets {
		text = s.pattern.ReplaceAllString(text, s.with)
	}
	return text
}

// redacted is a log's destination that no secret reaches. slog writes one record with one call.
type redacted struct{ to io.Writer }

func (w redacted) Write(line []byte) (int, error) {
	if _, err := io.WriteString(w.to, redact(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}
