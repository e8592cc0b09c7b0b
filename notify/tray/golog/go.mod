module github.com/getlantern/golog

go 1.26.0
