"""``python -m lacbed_gan.join``: see `lacbed_gan.commands.join`."""

from lacbed_gan.commands.join import main

if __name__ == "__main__":
    main()
