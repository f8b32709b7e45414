package main

import "strings"

// closest returns the word that text was probably meant to be, "" if none is close.
func closest(text string, words []string) string {
	text = strings.ToLower(text)
	best, least := "", len(text)/3+2 // a third of it mistyped, and one more for a transposition
	for _, word := range words {
		if distance := editDistance(text, strings.ToLower(word)); distance < least {
			best, least = word, distance
		}
	}
	if best != "" || len(text) < 4 {
		return best
	}
	for _, word := range words { // grace means seat-grace
		if strings.Contains(strings.ToLower(word), text) {
			return word
		}
	}
	return ""
}

// editDistance counts the bytes to insert, delete and replace (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
