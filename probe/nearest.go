package probe

import "strings"

// Nearest returns the name that a mistyped name probably means. It returns "" if none is
// close.
func Nearest(mistyped string, names []string) string {
	const fewest, longest = 3, 40
	if len(mistyped) < fewest || len(mistyped) > longest {
		return ""
	}
	mistyped = strings.ToLower(mistyped)
	nearest, least := "", min(3, len(mistyped)/3)+1
	for _, name := range names {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, mistyped) {
			return name
		}
		if n := edits(mistyped, lower); n < least {
			nearest, least = name, n
		}
	}
	return nearest
}

// edits returns how many letters must be added, removed or replaced to change a into b.
func edits(a, b string) int {
	row := make([]int, len(b)+1) // the edits from the start of a to each start of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			n := diagonal
			if a[i] != b[j] {
				n = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], n
		}
	}
	return row[len(b)]
}
