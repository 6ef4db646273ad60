// Package report writes one page of HTML that holds a whole run: tables that
// sort, figures, every trial with its log and the reason of its failure, the
// environment, the plan, and what identifies spaces and predictors.
//
// The page needs no network, and its content security policy forbids it one;
// its only script is the one that sorts tables. Without scripts everything but
// sorting and searching works.
package report
