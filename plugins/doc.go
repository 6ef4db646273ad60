// Package plugins is the contract between hypernas and its plugins: the
// interfaces [Space] and [Predictor], the values that pass between them, and
// the errors that keep their identity across the process boundary.
//
// It needs nothing but the standard library. An implementation of one of the
// interfaces becomes a process with one call to package serve; the host that
// starts, limits and stops such processes is package host; the same contract
// for other languages is plugins/proto.
//
// # The data's way
//
// A [Space] lists its architectures as rows. Row i has a [Network] (what the
// architecture looks like), an [Identity] (which rows compute the same
// function), numbers that are known without training (parameters, FLOPs,
// zero-cost proxies), and columns that come from training. The host draws
// some rows, gives their networks, numbers and labels to a fresh process of a
// [Predictor] ([Predictor.Fit]), and then asks it to value other rows
// ([Predictor.Predict]). Labels of test rows never leave the host.
//
// # Errors
//
// Methods return errors that wrap one of the sentinels of this package where
// one fits; the host sees the same sentinel ([errors.Is]) although the error
// crossed a process. Context errors cross too.
package plugins
