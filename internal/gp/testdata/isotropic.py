"""Writes isotropic.json: scikit-learn's GaussianProcessRegressor on invented data. Run: python3 isotropic.py"""
import json
import warnings
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

warnings.simplefilter('ignore')
cases = []
for seed, (name, n, m, d, noise) in enumerate([('rbf', 10, 4, 2, .1), ('matern52', 10, 4, 3, .1), ('rbf', 60, 10, 5, .3),
                                               ('matern52', 60, 10, 5, .3), ('matern52', 40, 10, 3, 0), ('matern52', 30, 5, 4, 5)]):
    rng = np.random.RandomState(seed)
    x = rng.randn(n + m, d)
    y = np.sin(x[:, 0]) + .5 * x[:, 1] ** 2 + noise * rng.randn(n + m)
    y = (y - y[:n].mean()) / y[:n].std()
    l = np.sqrt(d)
    shape = RBF(l, (.1 * l, 30 * l)) if name == 'rbf' else Matern(l, (.1 * l, 30 * l), nu=2.5)
    gp = GaussianProcessRegressor(ConstantKernel(1, (.01, 100)) * shape + WhiteKernel(.1, (1e-3, 1)), alpha=1e-6,
                                  n_restarts_optimizer=0).fit(x[:n], y[:n])
    # Theirs is amplitude, length, noise; ours amplitude, noise, length.
    at = np.log([.7, 1.3 * l, .2])
    value, gradient = gp.log_marginal_likelihood(at, eval_gradient=True)
    order = [0, 2, 1]
    cases.append(dict(kernel=name, d=d, x=x[:n].ravel().tolist(), test=x[n:].ravel().tolist(), y=y[:n].tolist(),
                      theta=at[order].tolist(), objective=-value, gradient=(-gradient[order]).tolist(),
                      best=gp.kernel_.theta[order].tolist(), best_objective=-gp.log_marginal_likelihood_value_,
                      predictions=gp.predict(x[n:]).tolist()))
    print(name, n, gp.kernel_, gp.log_marginal_likelihood_value_)
json.dump(cases, open('isotropic.json', 'w'))
