"""``python -m lacbed_gan.predict``: see `lacbed_gan.commands.predict`."""

from lacbed_gan.commands.predict import main

if __name__ == "__main__":
    main()
