package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"testing"
)

// probe.Form compiles its expression at the first use. Here all of them compile, so
// that none panics on a user's Mac.
func TestFormsCompile(t *testing.T) {
	forms := 0
	for path, file := range sourceFiles(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok || !isForm(file, literal.Type) {
				return true
			}
			if len(literal.Elts) != 1 {
				t.Errorf("%s: a probe.Form has the one field Expr", path)
				return true
			}
			expr, ok := constantText(literal.Elts[0].(*ast.KeyValueExpr).Value)
			if !ok {
				t.Errorf("%s: the expression of a probe.Form is not a constant text", path)
			} else if _, err := regexp.Compile(expr); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			forms++
			return true
		})
	}
	if forms < 30 {
		t.Errorf("the test found only %d forms", forms)
	}
}

// isForm reports whether an expression in a file names the type probe.Form.
func isForm(file *ast.File, expr ast.Expr) bool {
	switch e := expr.(type) {
	case *ast.Ident:
		return file.Name.Name == "probe" && e.Name == "Form"
	case *ast.SelectorExpr:
		x, ok := e.X.(*ast.Ident)
		return ok && x.Name == "probe" && e.Sel.Name == "Form"
	}
	return false
}

// constantText returns the text of a literal, or of a sum of literals.
func constantText(expr ast.Expr) (string, bool) {
	switch e := expr.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := constantText(e.X)
		right, ok2 := constantText(e.Y)
		return left + right, ok && ok2 && e.Op == token.ADD
	}
	return "", false
}
