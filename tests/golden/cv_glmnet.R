# Reference values of tests/models/test_elastic_net.py: Rscript cv_glmnet.R, in this folder. R 4.2.2, glmnet 4.1-6.
# cv.glmnet without lambda: each fold has its own path, which predict.glmnet reads at the full one's penalties.
library(glmnet)
options(digits = 17)
cases <- list()
values <- list()
record <- function(table, x, y, foldid, family) {
  for (alpha in c(1, 0.5)) {
    fit <- cv.glmnet(x, y, family = family, foldid = foldid, alpha = alpha, thresh = 1e-14, maxit = 1e7)
    values[[length(values) + 1]] <<- data.frame(
      table = table, alpha = alpha, lambda = fit$lambda, cvm = fit$cvm, cvsd = fit$cvsd, nzero = as.integer(fit$nzero),
      chosen = ifelse(fit$lambda == fit$lambda.min, "min", ifelse(fit$lambda == fit$lambda.1se, "1se", ""))
    )
  }
}
features <- function(n, p) {
  shared <- matrix(rnorm(n * 3), n)
  round(shared %*% matrix(rnorm(3 * p), 3) + matrix(rnorm(n * p), n), 2)
}
store <- function(table, x, time, event, foldid) {
  wide <- matrix(NA, nrow(x), 80)
  wide[, seq_len(ncol(x))] <- x
  colnames(wide) <- paste0("f", seq_len(80))
  cases[[length(cases) + 1]] <<- data.frame(table = table, fold = foldid, time = time, event = event, wide)
}
set.seed(4)
n <- 120
x <- features(n, 12)
y <- rbinom(n, 1, plogis(0.8 * x[, 1] - 0.6 * x[, 2] - 0.5))
fold <- sample(rep(1:5, length.out = n))
store("binomial", x, NA, y, fold)
record("binomial", x, y, fold, "binomial")

n <- 60 # fewer cases than features: the path ends at 0.01 times its first penalty
x <- features(n, 80)
y <- rbinom(n, 1, plogis(x[, 1] - x[, 2]))
fold <- sample(rep(1:6, length.out = n))
store("wide", x, NA, y, fold)
record("wide", x, y, fold, "binomial")

n <- 110
x <- features(n, 10)
event_time <- ceiling(10 * rexp(n, exp(0.5 * x[, 1] - 0.4 * x[, 3])) + 0.01) # ties
censoring <- ceiling(runif(n, 1, 30))
time <- pmin(event_time, censoring)
event <- as.integer(event_time <= censoring)
fold <- sample(rep(1:5, length.out = n))
store("cox", x, time, event, fold)
record("cox", x, cbind(time = time, status = event), fold, "cox")

write.csv(do.call(rbind, cases), "cv_glmnet_cases.csv", row.names = FALSE, quote = FALSE, na = "")
write.csv(do.call(rbind, values), "cv_glmnet_values.csv", row.names = FALSE, quote = FALSE)
