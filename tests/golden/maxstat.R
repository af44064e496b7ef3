# Hothorn and Lausen's p-value on small random data: Rscript maxstat.R > maxstat.csv
# R 4.2.2, survival 3.5-3, maxstat 0.7-25, exactRankTests 0.8-35. Columns: data set, time, event, x, p of the data set.
suppressMessages({library(survival); library(maxstat)})
set.seed(7)
for (i in 1:30) {
  n <- sample(12:45, 1)
  x <- rnorm(n)
  time <- rexp(n, exp(0.8 * x))
  if (i %% 2) time <- ceiling(time * 8)
  event <- rbinom(n, 1, runif(1, 0.4, 0.9))
  if (i %% 3 == 0) x <- round(x)
  d <- data.frame(case = i, time = signif(time, 9), event, x = signif(x, 9))
  if (sum(d$event) < 2) next
  test <- try(maxstat.test(Surv(time, event) ~ x, d, smethod = "LogRank", pmethod = "HL"), silent = TRUE)
  if (inherits(test, "try-error")) next
  d$p <- format(test$p.value, digits = 16)
  write.table(d, sep = ",", row.names = FALSE, col.names = i == 1, quote = FALSE)
}
