package view

import (
	"testing"

	"kextwatch/agent/approval"
)

func BenchmarkMenu(b *testing.B) {
	st := statusWith(approval.BlockedOpen, "12.7.6")
	for b.Loop() {
		Menu(st, around)
	}
}

func BenchmarkText(b *testing.B) {
	st := statusWith(approval.BlockedOpen, "12.7.6")
	for b.Loop() {
		Text(st)
	}
}
