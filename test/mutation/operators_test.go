//go:build linux

package mutation

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// An edit replaces the source from a position to another by text.
type edit struct {
	operator string
	from, to token.Pos
	text     string
	shown    ast.Node // names the mutant: its source text
}

// flipped has the neighbour of each comparison.
var flipped = map[token.Token]string{
	token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">", token.EQL: "!=", token.NEQ: "==",
}

// edits returns what the operators do to a node, in a function of type f, which is
// nil outside functions. parents are what the node is in, the innermost last.
func (s *source) edits(n ast.Node, parents []ast.Node, f *ast.FuncType) []edit {
	parent := parents[len(parents)-1]
	switch n := n.(type) {
	case *ast.IfStmt:
		return s.negate(n.Cond)
	case *ast.ForStmt:
		return s.negate(n.Cond)
	case *ast.SwitchStmt:
		var all []edit
		for _, clause := range n.Body.List {
			for _, e := range clause.(*ast.CaseClause).List {
				if n.Tag == nil {
					all = append(all, s.negate(e)...)
				}
			}
		}
		return all
	case *ast.CaseClause:
		if n.List != nil {
			return []edit{{"drop case", n.Pos(), n.End(), "", &ast.CaseClause{Case: n.Pos(), Colon: n.Colon}}}
		}
	case *ast.BinaryExpr:
		return s.binary(n, parent)
	case *ast.BasicLit:
		return s.constant(n, parents, f)
	case *ast.ReturnStmt:
		return s.result(n, f)
	case ast.Stmt:
		if inList(parent) && droppable(n) {
			return []edit{{"drop", n.Pos(), n.End(), "", n}}
		}
	}
	return nil
}

func (s *source) negate(cond ast.Expr) []edit {
	if cond == nil {
		return nil
	}
	return []edit{{"negate", cond.Pos(), cond.End(), "!(" + s.textOf(cond) + ")", cond}}
}

func (s *source) binary(n *ast.BinaryExpr, parent ast.Node) []edit {
	x, y := s.textOf(n.X), s.textOf(n.Y)
	switch n.Op {
	case token.LAND:
		return []edit{{"swap", n.Pos(), n.End(), "((" + x + ") || (" + y + "))", n}}
	case token.LOR:
		return []edit{{"swap", n.Pos(), n.End(), "((" + x + ") && (" + y + "))", n}}
	case token.EQL, token.NEQ:
		switch parent.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.CaseClause: // negate does the same
			return nil
		}
	}
	if to := flipped[n.Op]; to != "" {
		return []edit{{"flip", n.Pos(), n.End(), x + " " + to + " " + y, n}}
	}
	return nil
}

func (s *source) constant(n *ast.BasicLit, parents []ast.Node, f *ast.FuncType) []edit {
	parent := parents[len(parents)-1]
	if n.Kind != token.INT && n.Kind != token.CHAR || s.besideError(n, parents, f) {
		return nil
	}
	if parent, isCall := parent.(*ast.CallExpr); isCall { // its text may be long
		if strings.Contains(s.textOf(parent.Fun), "yscall6") && n.Value == "0" { // the kernel ignores it
			return nil
		}
		return []edit{{"add 1 to " + n.Value, n.Pos(), n.End(), "(" + n.Value + "+1)", parent.Fun}}
	}
	return []edit{{"add 1 to " + n.Value, n.Pos(), n.End(), "(" + n.Value + "+1)", parent}}
}

// besideError reports whether a constant is returned beside an error or false: nobody
// looks at it.
func (s *source) besideError(n ast.Node, parents []ast.Node, f *ast.FuncType) bool {
	for _, parent := range slices.Backward(parents) {
		switch parent := parent.(type) {
		case *ast.UnaryExpr:
			n = parent
		case *ast.ReturnStmt:
			last := parent.Results[len(parent.Results)-1]
			return n != last && (s.textOf(last) == "false" || slices.Contains([]string{"error", "syscall.Errno", "Cause"}, s.lastType(f)))
		default:
			return false
		}
	}
	return false
}

// result changes the last result: an error to none, true to false.
func (s *source) result(n *ast.ReturnStmt, f *ast.FuncType) []edit {
	if f == nil || f.Results == nil || len(n.Results) != f.Results.NumFields() {
		return nil
	}
	last := n.Results[len(n.Results)-1]
	var to string
	switch text := s.textOf(last); {
	case text == "true" || text == "false":
		to = strconv.FormatBool(text == "false")
	case text == "nil" || text == "0":
		return nil
	default:
		switch s.lastType(f) {
		case "error":
			to = "nil"
		case "syscall.Errno":
			to = "0"
		default:
			return nil
		}
	}
	return []edit{{"return " + to, last.Pos(), last.End(), to, n}}
}

// lastType returns the type of a function's last result.
func (s *source) lastType(f *ast.FuncType) string {
	if f == nil || f.Results == nil {
		return ""
	}
	return s.textOf(f.Results.List[len(f.Results.List)-1].Type)
}

func inList(parent ast.Node) bool {
	switch parent.(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}

func droppable(n ast.Stmt) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		return n.Tok != token.DEFINE
	case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.BranchStmt:
		return true
	}
	return false
}
