package closing

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// ReadAccounts reads the accounts of a list that somebody keeps: a CSV that has a column accountId, or whose first column has nothing but ids; or a
// JSON array of ids, or of objects with accountId.
func ReadAccounts(name string, text []byte) ([]string, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // spreadsheets begin a file with it
	if strings.HasSuffix(name, ".json") {
		return readJSONAccounts(text)
	}
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord, reader.TrimLeadingSpace = -1, true
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, badFleet("the list is no CSV: %w", err)
	}
	column := 0
	if len(rows) > 0 && !accountID.MatchString(strings.TrimSpace(rows[0][0])) {
		if column = slices.IndexFunc(rows[0], accountColumn.MatchString); column < 0 {
			return nil, badFleet("the list has no column accountId, but %s", strings.Join(rows[0], ", "))
		}
		rows = rows[1:]
	}
	var accounts []string
	for i, row := range rows {
		if column >= len(row) {
			return nil, badFleet("row %d of the list has no account", i+1)
		}
		accounts = append(accounts, strings.TrimSpace(row[column]))
	}
	return accounts, nil
}

var accountColumn = regexp.MustCompile(`(?i)^\s*account[ _-]?(id|number)?\s*$`)

func readJSONAccounts(text []byte) ([]string, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return nil, badFleet("the list is no JSON array: %w", err)
	}
	var accounts []string
	for i, item := range items {
		var id string
		var row struct {
			AccountID string `json:"accountId"`
		}
		switch {
		case json.Unmarshal(item, &id) == nil:
		case json.Unmarshal(item, &row) == nil && row.AccountID != "":
			id = row.AccountID
		default:
			return nil, badFleet("item %d of the list is neither an account id nor an object with accountId: %s", i+1, abbreviate(item))
		}
		accounts = append(accounts, id)
	}
	return accounts, nil
}
