# R 4.2.2: Rscript loess.R > loess.csv: loess(y ~ x) and lowess(x, y, iter = 0) on 0/1 outcomes, with and without ties
set.seed(20)
one <- function(set, n, digits) {
  x <- runif(n)^2
  if (digits) x <- round(x, digits)
  y <- rbinom(n, 1, 0.1 + 0.8 * x)
  l <- lowess(x, y, iter = 0)
  data.frame(set, x, y, loess = fitted(loess(y ~ x)), lowess = approx(l, xout = x, ties = mean)$y)
}
z <- rbind(one("few", 15, 0), one("many", 120, 0), one("tied", 120, 2), one("heavily tied", 60, 1))
write.csv(format(z, digits = 17, trim = TRUE), row.names = FALSE, quote = FALSE)
