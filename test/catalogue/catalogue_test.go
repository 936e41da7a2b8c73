package catalogue

import (
	"path/filepath"
	"testing"
)

const root = "../.."

// TestRows holds every row against the source as it stands.
func TestRows(t *testing.T) {
	rows, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := rows[i].CheckSource(root); err != nil {
			t.Error(err)
		}
	}
	record, err := ReadRecord(filepath.Join(root, filepath.FromSlash(RecordFile)))
	if err != nil {
		t.Fatal(err)
	}
	if kept := Update(record, rows, nil); len(kept) != len(record) {
		t.Errorf("%s has lines of mutants that are no more; run the command with -seeds", RecordFile)
	}
}

// TestComplete misses rows. See Enforced.
func TestComplete(t *testing.T) {
	rows, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	tell := t.Logf
	if Enforced {
		tell = t.Errorf
	}
	for _, id := range Missing(rows) {
		tell("%s/%s%s is missing; write the row, or excuse it with a reason in demand.go", Dir, id, rowSuffix)
	}
}

// TestDocument sees that the document's table is that of the rows. See Enforced.
func TestDocument(t *testing.T) {
	rows, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	record, err := ReadRecord(filepath.Join(root, filepath.FromSlash(RecordFile)))
	if err != nil {
		t.Fatal(err)
	}
	err = CheckDocument(filepath.Join(root, filepath.FromSlash(DocumentFile)), rows, record)
	switch {
	case err != nil && Enforced:
		t.Error(err)
	case err != nil:
		t.Log(err)
	}
}
