package closing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Ensure that the lists that people keep are read: of a spreadsheet, of a script, with and without names for the columns.
func TestReadAccounts(t *testing.T) {
	t.Parallel()
	want := []string{"222233334444", "333344445555"}
	for _, tt := range []struct{ name, key, text string }{
		{"a column", "lists/a.csv", "accountId\n222233334444\n333344445555\n"},
		{"nothing but ids", "lists/a.csv", "222233334444\n333344445555"},
		{"a column among others, as spreadsheets write it", "lists/a.csv", "\ufeffOwner,Account ID,Note\r\nred,222233334444,\"sold, 2026\"\r\nblue, 333344445555 ,\r\n"},
		{"a list of ids", "lists/a.json", `["222233334444", "333344445555"]`},
		{"a list of objects", "lists/a.json", `[{"accountId": "222233334444", "owner": "red"}, {"accountId": "333344445555"}]`},
		{"a list of both", "lists/a.json", "\ufeff" + `["222233334444", {"accountId": "333344445555"}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadAccounts(tt.key, []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Ensure that a list of which it is not certain whom it names is refused as a whole.
func TestReadAccountsRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, key, text, says string }{
		{"no column of accounts", "lists/a.csv", "owner,note\nred,sold\n", "has no column accountId, but owner, note"},
		{"another separator", "lists/a.csv", "accountId;owner\n222233334444;red\n", "has no column accountId, but accountId;owner"},
		{"a short row", "lists/a.csv", "owner,accountId\nred,222233334444\nblue\n", "row 2 of the list has no account"},
		{"an open quote", "lists/a.csv", "accountId\n\"222233334444\n", "is no CSV"},
		{"no array", "lists/a.json", `{"accounts": ["222233334444"]}`, "is no JSON array"},
		{"a number", "lists/a.json", `["222233334444", 333344445555]`, "item 2 of the list"},
		{"an object without an account", "lists/a.json", `[{"account": "222233334444"}]`, "item 1 of the list"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ReadAccounts(tt.key, []byte(tt.text))
			if CodeOf(err) != BadRequest || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, %v, want BadRequest that says %q", got, err, tt.says)
			}
		})
	}
}

// Ensure that what spreadsheets make of an account that begins with a zero, and empty rows, are no accounts.
func TestFleetAccountsOfAList(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"accountId\n22233334444\n", "accountId,owner\n,red\n", "accountId\n2.22233E+11\n"} {
		accounts, err := ReadAccounts("lists/a.csv", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := FleetAccounts(accounts); CodeOf(err) != BadRequest {
			t.Errorf("%q: got %v, want BadRequest", text, err)
		}
	}
}
