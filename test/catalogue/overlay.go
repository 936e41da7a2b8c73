package catalogue

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Files returns the text of each file that the mutant changes, by its path
// relative to the module, as it is with the bug. row is named in errors.
func (m *Mutant) Files(row, root string) (map[string]string, error) {
	texts := make(map[string]string)
	for _, e := range m.Edits {
		text, ok := texts[e.File]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File)))
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w; correct the name of the file", row, e.line, err)
			}
			text = string(b)
		}
		text, err := e.apply(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", row, e.line, err)
		}
		texts[e.File] = text
	}
	return texts, nil
}

// apply replaces the text, which must stand there once, as whole lines.
func (e *Edit) apply(text string) (string, error) {
	// A newline before makes the first line of a file like any other.
	text, old := "\n"+text, "\n"+e.Old
	// Two occurrences may share the newline between them, so one is searched
	// for from behind the beginning of the other.
	first := strings.Index(text, old)
	if first < 0 {
		return "", fmt.Errorf("the replaced text, from %q on, is not in %s; adapt it to the source as it stands", firstLine(e.Old), e.File)
	}
	if strings.Contains(text[first+1:], old) {
		return "", fmt.Errorf("the replaced text, from %q on, is more than once in %s; take in a line more of what surrounds it", firstLine(e.Old), e.File)
	}
	return (text[:first] + "\n" + e.New + text[first+len(old):])[1:], nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(line)
}

// writeOverlay writes the mutant's files into dir, and the file that tells the
// go command of them, whose path it returns. The source itself is left alone.
func (m *Mutant) writeOverlay(row, root, dir string) (string, error) {
	texts, err := m.Files(row, root)
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for _, e := range m.Edits {
		text, ok := texts[e.File]
		if !ok {
			continue
		}
		delete(texts, e.File)
		path := filepath.Join(dir, fmt.Sprintf("%d.go", len(overlay.Replace)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, filepath.FromSlash(e.File))] = path
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}
